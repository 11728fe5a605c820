"""The faults: each does what goes wrong, and says what must hold meanwhile."""

import asyncio
import os
import signal
import struct
import subprocess

from stand import FRONT, fetch

FAULTS = {}


class Fault:
    """`alone`: it takes the whole machine, so nothing else runs beside it."""

    def __init__(self, body, members, agent_flags, alone):
        self.body, self.members, self.agent_flags, self.alone = body, members, agent_flags, alone


def fault(name, members=1, agent_flags=(), alone=False):
    def keep(body):
        FAULTS[name] = Fault(body, members, agent_flags, alone)
        return body
    return keep


wait = asyncio.sleep


async def ended(process):
    await asyncio.to_thread(process.child.wait)


def agree(stand, there=(), gone=()):
    """Every node that runs serves these endpoints and knows nothing of those, and has heard of etcd a moment ago."""
    def look():
        for node in stand.nodes:
            if node.is_running:
                if node.metric("pico_cluster_store_stale_seconds") > 2:
                    return False
                if any(node.status(endpoint) != 200 for endpoint in [*stand.endpoints, *there]):
                    return False
                if any(node.status(endpoint) != 502 for endpoint in gone):
                    return False
        return True
    return look


def changed(stand):
    """An agent comes and one goes while a node does not hear of it: (there, gone)."""
    stand.start_agent("n0")
    for process in stand.agents_of("g0"):
        process.send(signal.SIGTERM)
        process.child.wait()
    return ["n0"], ["g0"]


@fault("none")
async def nothing(stand, row):
    await wait(5)


# Nodes

@fault("SIGTERM of each node in turn, plain yamux agents", agent_flags=["--server-protocol", "piko"])
@fault("SIGTERM of each node in turn")
async def rolling(stand, row):
    for node in stand.nodes:
        node.process.send(signal.SIGTERM)
        await ended(node.process)
        node.start()
        await row.within(5, f"node {node.index} ready", node.is_ready)
        await wait(1.5)


@fault("SIGKILL of a node")
async def killed(stand, row):
    node, all_of_them = stand.nodes[0], len(stand.agents)
    row.fault(settles=1, singles=2)
    node.process.send(signal.SIGKILL)
    await ended(node.process)
    await row.within(2, "all listeners back", lambda: stand.listeners() == all_of_them)
    await wait(6)
    node.start()
    await row.within(5, "ready again", node.is_ready)
    await wait(2)


@fault("SIGSTOP of a node for 30 s")
async def stopped(stand, row):
    node, others = stand.nodes[0], stand.nodes[1:]
    # A client or an agent that is connected to it waits; the agent has to hear nothing for ten seconds first.
    row.slowest = 35
    row.fault(settles=3, singles=13)
    node.process.send(signal.SIGSTOP)
    await row.within(3, "left out", lambda: all(each.metric('pico_cluster_nodes{state="unreachable"}') == 1 for each in others))
    await wait(30)
    row.fault(settles=0)
    node.process.send(signal.SIGCONT)
    await row.within(5, "in again", lambda: node.is_ready() and all(each.metric('pico_cluster_nodes{state="active"}') == 3 for each in others))
    await wait(4)


@fault("a node loses all packets for 20 s")
async def silent(stand, row):
    node, others = stand.nodes[0], stand.nodes[1:]
    row.slowest = 36
    row.fault(settles=2, singles=13)
    node.place.cut()
    await row.within(2, "left out", lambda: all(each.metric('pico_cluster_nodes{state="unreachable"}') == 1 for each in others))
    await wait(20)
    # Where listeners went meanwhile it knows when it has read etcd.
    row.fault(settles=0, singles=2)
    node.place.heal()
    await row.within(4, "in again", lambda: node.is_ready() and all(each.metric('pico_cluster_nodes{state="active"}') == 3 for each in others))
    await wait(4)


@fault("partition between two nodes for 15 s")
async def partition(stand, row):
    one, two = stand.nodes[:2]
    row.slowest = 8
    # What was given to the other node and may be there already cannot be repeated. Endpoints with one listener on the far side have no path
    # from this node.
    row.load.endpoints = stand.doubles
    row.fault(settles=1)
    one.place.cut(two.place)
    await wait(15)
    row.fault(settles=0)
    one.place.heal()
    await row.within(4, "linked again", lambda: all(each.metric('pico_cluster_nodes{state="active"}') == 3 for each in stand.nodes))
    await wait(2)


@fault("10,000 listeners on a node that is killed", alone=True)
async def crowd(stand, row):
    node, others = stand.nodes[0], stand.nodes[1:]
    few = stand.listeners()
    for front in (FRONT + 1, FRONT + 2, FRONT + 3, FRONT + 4):
        await asyncio.to_thread(stand.start_balancer, front, node)
        stand.start_agents_of(2500, front, f"crowd{front}")
    await row.within(30, "10,000 registered", lambda: stand.listeners() == few + 10_000)
    await wait(2)
    before = [each.process.cpu for each in others]
    began = row.load.now
    node.process.send(signal.SIGKILL)
    await ended(node.process)
    # Until the kernel has closed the last of so many sockets, connections to it come to be.
    row.note(f"its sockets closed after {row.load.now - began:.1f} s")
    row.fault(settles=1, singles=10, since=began)
    await row.within(10, "all back", lambda: stand.listeners() == few + 10_000)
    spent = [each.process.cpu - start for each, start in zip(others, before)]
    row.note("CPU of the others " + ", ".join(f"{seconds:.1f} s" for seconds in spent))
    row.demand("at most 5 s of CPU each", max(spent) <= 5)
    await wait(3)


@fault("the clock of a node jumps by an hour, back by two, and is right again")
async def clock(stand, row):
    library, offset = f"{stand.folder}/clock.so", f"{stand.folder}/clock"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, f"{os.path.dirname(__file__)}/clock.c"], check=True)

    def set_clock(seconds):
        with open(offset, "r+b" if os.path.exists(offset) else "wb") as file:
            file.write(struct.pack("=q", seconds))

    node = stand.nodes[0]
    node.process.send(signal.SIGTERM)
    await ended(node.process)
    set_clock(0)
    node.start({"LD_PRELOAD": library, "CLOCK_FILE": offset})
    await row.within(5, "ready", node.is_ready)
    for number in range(3):
        await asyncio.to_thread(stand.start_agent, f"c{number}")
    before = node.logged("{")
    for seconds in (3600, -3600, 0):
        set_clock(seconds)
        await wait(12)
        row.demand(f"all agree at {seconds}", await asyncio.to_thread(agree(stand, ["c0", "c1", "c2"])))
    lost = [line for line in node.logged("{")[len(before):] if "lease has ended" in line or "disconnected" in line or "no link" in line]
    row.demand(f"nothing ended: {lost[:1]}", not lost)


# etcd

@fault("one node cut from etcd for 20 s")
async def one_cut(stand, row):
    # Longer than its lease, so that its keys are gone.
    node = stand.nodes[0]
    node.place.cut(stand.etcd[0].place)
    await wait(20)
    node.place.heal()
    await row.within(2, "all agree", agree(stand))
    await wait(2)


@fault("all cut from etcd for 60 s")
async def all_cut(stand, row):
    await asyncio.to_thread(stand.start_agent, "g0")
    stand.etcd[0].place.cut()
    await wait(20)
    there, gone = await asyncio.to_thread(changed, stand)
    await wait(40)
    stand.etcd[0].place.heal()
    await row.within(2, "all agree", agree(stand, there, gone))
    await wait(2)


@fault("etcd killed for 20 s")
async def etcd_away(stand, row):
    stand.etcd[0].kill()
    await wait(20)
    stand.etcd[0].start()
    await row.within(10, "etcd answers", lambda: "true" in fetch(stand.etcd[0].url + "/health"))
    await row.within(2, "all agree", agree(stand))
    await wait(2)


@fault("etcd's leader killed", members=3)
async def leader(stand, row):
    member = next(each for each in stand.etcd if each.is_leader())
    member.kill()
    await wait(8)
    member.start()
    await row.within(2, "all agree", agree(stand))
    await wait(2)


@fault("etcd without a quorum for 60 s", members=3)
async def quorum(stand, row):
    await asyncio.to_thread(stand.start_agent, "g0")
    for member in stand.etcd[1:]:
        member.kill()
    await wait(20)
    there, gone = await asyncio.to_thread(changed, stand)
    await wait(40)
    for member in stand.etcd[1:]:
        member.start()
    await row.within(20, "etcd answers", lambda: all("true" in fetch(member.url + "/health") for member in stand.etcd))
    await row.within(2, "all agree", agree(stand, there, gone))
    await wait(2)


@fault("etcd compacted while a watch is interrupted")
async def compacted(stand, row):
    await asyncio.to_thread(stand.start_agent, "g0")
    node = stand.nodes[2]
    node.place.cut(stand.etcd[0].place)
    await wait(1)
    there, gone = await asyncio.to_thread(changed, stand)
    await asyncio.to_thread(stand.etcd[0].compact)
    await wait(1)
    node.place.heal()
    # The watch notices nothing until TCP sends again.
    await row.within(3, "all agree", agree(stand, there, gone))
    await wait(2)


@fault("leases revoked")
async def revoked(stand, row):
    for _ in range(3):
        for lease in await asyncio.to_thread(stand.etcd[0].leases):
            await asyncio.to_thread(stand.etcd[0].ask, "lease/revoke", {"ID": lease})
            await row.within(2, "all agree", agree(stand))
            await wait(1)


@fault("etcd's data wiped")
async def wiped(stand, row):
    stand.etcd[0].kill()
    stand.etcd[0].wipe()
    stand.etcd[0].start()
    await row.within(10, "etcd answers", lambda: "true" in fetch(stand.etcd[0].url + "/health"))
    await row.within(2, "all agree", agree(stand))
    await wait(4)


@fault("etcd away for 5 minutes, with a rolling restart meanwhile")
async def away_and_rolling(stand, row):
    # A rolling restart waits for each node to be ready, which the first one is not before it has read etcd.
    stand.etcd[0].place.cut()
    await wait(30)
    node = stand.nodes[0]
    node.process.send(signal.SIGTERM)
    await ended(node.process)
    node.start()
    await wait(270)
    stand.etcd[0].place.heal()
    for node in stand.nodes[1:]:
        await row.within(5, "the one before ready", stand.nodes[node.index - 1].is_ready)
        await wait(1.5)
        node.process.send(signal.SIGTERM)
        await ended(node.process)
        node.start()
    await row.within(5, "all agree", agree(stand))
    await wait(2)


# Agents and upstreams

@fault("SIGTERM of an agent")
async def agent_ends(stand, row):
    agent = stand.agents_of("e0")[0]
    agent.send(signal.SIGTERM)
    await ended(agent)
    await wait(3)


@fault("SIGKILL of an agent")
async def agent_killed(stand, row):
    row.fault(settles=0.2)
    row.load.endpoints = stand.doubles
    stand.agents_of("e0")[0].send(signal.SIGKILL)
    await wait(3)


@fault("SIGSTOP of an agent for 15 s")
async def agent_stopped(stand, row):
    # Its node gives it requests until it has answered nothing for so long; what came before waits for it, or is lost with its tunnel.
    row.load.endpoints = stand.doubles
    row.slowest = 16
    agent = stand.agents_of("e0")[0]
    row.fault(settles=11)
    agent.send(signal.SIGSTOP)
    await wait(15)
    row.fault(settles=0)
    agent.send(signal.SIGCONT)
    await wait(4)


@fault("the upstream of all agents restarts")
async def upstream(stand, row):
    row.fault(settles=1.2)
    await row.service.stop()
    await wait(1)
    await row.service.start()
    await wait(4)
