"""Sentences about a pull request, which the terminal and the reports for CI share."""

from __future__ import annotations

from collections import Counter

from wakeproof.pull_request.result import Compared, Divergence, PullRequest
from wakeproof.util.text import plural

# the changed functions that are listed of those that the model has not
OUTSIDE = 8


def verdict(result: PullRequest, compared: Compared) -> str:
    """Return whether a version of the model is right for the checkout, in a few words."""
    if compared.divergences:
        return f"{compared.version} is not right for this branch"
    if not compared.finished:
        return f"no walk parted from {compared.version} until it was interrupted"
    if result.layout_broken:
        return f"no walk parted from {compared.version}; the layout of the C ABI is broken"
    return f"{compared.version} is right for this branch"


def extent(result: PullRequest, compared: Compared) -> str:
    """Return how far a comparison went: walks, steps, traces of findings, seconds."""
    return (
        f"{plural(compared.walks, 'walk')}, {plural(compared.steps, 'step')} and "
        f"{plural(len(compared.traces), 'trace')} of {of_findings(result)} in "
        f"{compared.seconds:.0f} s"
    )


def of_findings(result: PullRequest) -> str:
    """Return of how many findings is spoken; without a number if it was interrupted before."""
    return plural(len(result.findings), "finding") if result.findings else "findings"


def counts_of_findings(result: PullRequest) -> str:
    """Return how many findings the branch mends, brings, and leaves as they are."""
    if not result.findings:
        end = "none is seen in these builds" if result.finished else "interrupted before"
        return f"no finding was looked at: {end}"
    counts = Counter(finding.word for finding in result.findings)
    texts = {
        "mended": "mended",
        "brought": "brought",
        "fails otherwise": "fails otherwise"
        if counts["fails otherwise"] == 1
        else "fail otherwise",
        "unknown": "unknown",
        "stays": "stays as it is" if counts["stays"] == 1 else "stay as they are",
        "absent": f"neither here nor in {result.release}",
    }
    words = ", ".join(f"{counts[word]} {text}" for word, text in texts.items() if counts[word])
    return f"{of_findings(result)}: {words}"


def outside_text(result: PullRequest) -> str:
    """Return the changed functions that the model has not; empty if it has all."""
    names = ", ".join(result.outside[:OUTSIDE])
    more = len(result.outside) - OUTSIDE
    return names + (f" and {more}" * (more > 0))


def run_text(divergence: Divergence) -> str:
    """Return the scenario, the mix and the features of a divergence."""
    features = ", ".join(divergence.features) or "no features"
    return f"{divergence.scenario}, {divergence.mix}, {features}"
