"""Files of TLS that Settings name for a server that Daemun itself asks: authorities, and a certificate of its own."""

import ssl
from pathlib import Path
from typing import NamedTuple


class TlsFiles(NamedTuple):
    """Paths; empty: none. Without authorities those of the system count, and `insecure` trusts anybody. `pem` are
    authorities that are in no file.
    """

    authorities: str = ""
    folder: str = ""
    certificate: str = ""
    key: str = ""
    insecure: bool = False
    pem: str = ""

    def context(self) -> ssl.SSLContext:
        """What connections are made with. Raises OSError or ssl.SSLError for files that cannot be used."""
        context = ssl.create_default_context(cafile=self.authorities or None, cadata=self.pem or None)
        if self.folder:
            for file in sorted(Path(self.folder).iterdir()):
                if file.is_file():
                    context.load_verify_locations(cafile=file)
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def stamps(self) -> tuple[float, ...]:
        """When each was written last: another answer means that they are to be read again."""
        return tuple(_stamp(path) for path in self[:4])


def _stamp(path: str) -> float:
    try:
        return Path(path).stat().st_mtime if path else 0.0
    except OSError:
        return -1.0
