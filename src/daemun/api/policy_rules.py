"""The rules that the CRD of BackendTLSPolicy states in CEL, in our own words (see `rules`)."""

from collections.abc import Iterator

from daemun.api.policy import BackendTLSPolicySpec, BackendTLSPolicyValidation, PolicyTargetReference

Broken = tuple[str, str]


def backend_tls(spec: BackendTLSPolicySpec) -> Iterator[Broken]:
    """What an API server would refuse about a BackendTLSPolicy."""
    yield from _targets(spec.target_refs)
    yield from _validation(spec.validation)


def _targets(refs: tuple[PolicyTargetReference, ...]) -> Iterator[Broken]:
    sections: dict[tuple[str, str, str], list[str | None]] = {}
    for ref in refs:
        sections.setdefault((ref.group, ref.kind, ref.name), []).append(ref.section_name)
    for (_, kind, name), named in sections.items():
        if len(named) != len(set(named)):
            yield "spec.targetRefs", f"{kind} {name} is named twice; sectionName must differ"
        elif len(named) > 1 and None in named:
            yield "spec.targetRefs", f"{kind} {name} is named several times, but not always with sectionName"


def _validation(validation: BackendTLSPolicyValidation) -> Iterator[Broken]:
    here = "spec.validation"
    if bool(validation.ca_certificate_refs) == (validation.well_known_ca_certificates is not None):
        yield here, "give either caCertificateRefs or wellKnownCACertificates"
    for at, san in enumerate(validation.subject_alt_names):
        for kind, field, value in (("Hostname", "hostname", san.hostname), ("URI", "uri", san.uri)):
            if (san.type == kind) != (value is not None):
                what = "must be given" if san.type == kind else "must not be set"
                yield f"{here}.subjectAltNames[{at}].{field}", f"{what} for type {san.type}"
