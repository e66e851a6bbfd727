"""field.py - the mixed field: ports whose answer is known, that every prober is sent to.

In: how many of each kind.  Out: rules for the scripted peer, targets with their truth, and a score of what somebody
said. A verdict is one of open, closed, rejected, silent; "down" is somebody who says that it is not open and not
why; None is somebody who says nothing.
"""

# kind, ports and action of the scripted peer, what a prober should say of it
KINDS = [
    ("open", 1000, "open", "open"),
    ("open after 20 ms", 2000, "open,after=20ms", "open"),
    ("closed", 3000, "rst", "closed"),
    ("rejected", 4000, "icmp=3/13", "rejected"),
    ("silent", 5000, "silent", "silent"),
    ("lossy", 6000, "open,drop=1", "open"),
]
RULES = [f"{first}-{first + 999}={action}" for _, first, action, _ in KINDS]
PORTS_EACH = 4
TIMEOUT_S = 2  # for every prober that takes one: the lossy port answers after its second SYN, at 1 s


def addresses(quick):
    return [f"198.18.2.{i}" for i in range(10 if quick else 50)]


def ports():
    return [first + i for _, first, _, _ in KINDS for i in range(PORTS_EACH)]


def targets(quick):
    """{"address:port": (kind, truth)}"""
    return {
        f"{a}:{first + i}": (kind, truth)
        for kind, first, _, truth in KINDS
        for i in range(PORTS_EACH)
        for a in addresses(quick)
    }


def score(truth, said):
    """For each kind how many were found, and what the others were called; and the sums.
    missed: open, and not seen as open.  false_open: the other way round.  misnamed: down, and called another kind of
    down.
    """
    kinds, total = {}, {
        "found": 0,
        "missed": 0,
        "false_open": 0,
        "misnamed": 0,
        "unnamed": 0,
        "unsaid": 0,
        "of": len(truth),
    }
    for target, (kind, right) in truth.items():
        answer = said.get(target)
        row = kinds.setdefault(kind, {"of": 0, "found": 0, "called": {}})
        row["of"] += 1
        if answer == right:
            row["found"] += 1
            total["found"] += 1
            continue
        row["called"][answer or "nothing"] = row["called"].get(answer or "nothing", 0) + 1
        if right == "open":
            total["missed"] += 1
        elif answer == "open":
            total["false_open"] += 1
        elif answer is None:
            total["unsaid"] += 1
        elif answer == "down":
            total["unnamed"] += 1
        else:
            total["misnamed"] += 1
    return {"kinds": kinds, "total": total}
