"""Reviews: what a new version of the ABI fixes, breaks and changes beside an older one.

`review` compares verdicts over the mixes; `lockstep` runs two versions step by step;
`struct_layout` compares the structs of the C ABI, and `proofs` what is proved.
"""
