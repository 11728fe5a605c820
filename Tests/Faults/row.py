"""What must hold of the requests during a fault, and what did."""

import asyncio
import collections
import time


class Row:
    """A fault without `fault()` may lose nothing. With it, what was in flight then may fail, and what begins until things have settled."""

    def __init__(self, name, load, service, singles):
        self.name, self.load, self.service, self.singles = name, load, service, singles
        self.windows, self.notes, self.missed = [], [], []
        self.slowest = 8

    def fault(self, settles, singles=None, since=None):
        """The fault comes now. New requests are right after that many seconds; those for endpoints with one listener may have longer.

        `since`: it began earlier and is complete now.
        """
        began = self.load.now if since is None else since
        more = self.load.now - began
        self.windows.append((began, settles + more, (settles if singles is None else singles) + more))

    def note(self, text):
        self.notes.append(text)

    def demand(self, what, holds):
        if not holds:
            self.missed.append(what)

    async def within(self, seconds, what, condition):
        """Waits for it, notes after how long it was so, and goes on without it when it takes longer than ten times what it may."""
        began = time.monotonic()
        while True:
            try:
                holds = await asyncio.to_thread(condition)
            except OSError:
                holds = False
            took = time.monotonic() - began
            if holds or took > seconds * 10:
                break
            await asyncio.sleep(0.02)
        self.note(f"{what} after {took:.1f} s" if holds else f"{what}: not after {took:.0f} s")
        self.demand(f"{what} within {seconds:g} s", holds and took <= seconds)

    def may_fail(self, outcome):
        for at, settles, singles in self.windows:
            time = singles if outcome.endpoint in self.singles else settles
            if outcome.at <= at + time and outcome.ended >= at:
                return True
        return False

    @property
    def doubled(self):
        posts = {f"/{outcome.number}" for outcome in self.load.outcomes if outcome.method == "POST"}
        return [path for path, count in self.service.seen.items() if count > 1 and path in posts]

    def judge(self):
        """Fills `missed`; true when all is as it must be."""
        outcomes = self.load.outcomes
        self.failed = [outcome for outcome in outcomes if not outcome.is_good]
        self.wrong = [outcome for outcome in self.failed if not self.may_fail(outcome)]
        self.longest = max((outcome.ended - outcome.at for outcome in outcomes), default=0)
        self.demand(f"{len(self.wrong)} lost that had to be served", not self.wrong)
        self.demand(f"{len(self.doubled)} POSTs delivered twice", not self.doubled)
        self.demand(f"none longer than {self.slowest:g} s", self.longest <= self.slowest)
        self.demand("no other request's answer", not any(outcome.words == "another's answer" for outcome in outcomes))
        return not self.missed

    def text(self):
        words = collections.Counter(outcome.words for outcome in self.failed)
        how = ", ".join(f"{count} {each}" for each, count in words.most_common(4)) or "-"
        notes = list(self.notes)
        for at, _, _ in self.windows:
            late = [outcome.at - at for outcome in self.failed if outcome.at >= at]
            if late and len(self.windows) == 1:
                notes.append(f"the last that failed began {max(late):.1f} s after the fault")
        good = len(self.load.outcomes) - len(self.failed)
        verdict = "yes" if not self.missed else "NO: " + "; ".join(self.missed)
        return (f"| {self.name} | {good:,} | {len(self.failed)} | {how} | {len(self.doubled)} | {self.longest:.1f} s | "
                f"{'; '.join(notes) or '-'} | {verdict} |")
