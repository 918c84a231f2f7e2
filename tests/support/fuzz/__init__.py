"""A world that changes at random under requests, and what Gateway API says of each request at each moment.

`objects` are those of one moment; `hosts`, `routing` and `outcomes` say what a request is answered then, `history` what
it may be answered while changes are under way. `settings` begins a world, `changes` has it change (made of `pieces`),
`clients` ask, and `play` is all of that together.
"""
