# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who speaks for others."""

import os
import socket

import boxes
import peer
from arena import attack, not_refused
from boxes import given, inside, state
from host import IDS, NOBODY, ONE, UNMAPPED


@inside
def pair():
    """A socket of ours for a proxy to name us by; its other end."""
    ours, theirs = socket.socketpair()
    state["peer"] = peer.Peer(connection=ours)
    return None, (theirs.detach(),)


@inside
def take_opened():
    """The last descriptor that was answered with."""
    state["taken"] = state["opened"].pop()
    return None, (state["taken"],)


@inside
def forget():
    if "taken" in state:
        os.close(state.pop("taken"))


@inside
def use():
    """The connection that has been given for it."""
    state["pair"] = state["peer"]
    state["peer"] = peer.Peer(connection=socket.socket(fileno=os.dup(given[0])))


def pass_on(proxy, client, options=None, fds=(), end=None):
    if end is None:
        _, (end,) = client.ask("pair")
    answer = proxy.call("AddClient", "ha{sv}", 0, options or {}, fds=[end] + list(fds), interface="org.cgwarden1.Proxy")
    os.close(end)
    if client and not answer.error:
        _, (connection,) = proxy.ask("take_opened")
        client.do("use", fds=[connection])
        os.close(connection)
        proxy.do("forget")
    return answer


@attack("a proxy speaks for nobody who is not in its power")
def foreign_clients(a):
    answers, sub = set(), a.fork()
    for what, pidfd in a.foreign.items():
        answer = pass_on(a.box, sub, {"Process": ("h", 1)}, [pidfd])
        yield from not_refused(answer, ("AccessDenied",), what)
        answers.add(str(answer))
        yield from not_refused(pass_on(a.box, sub, {"Process": ("h", 1), "Uid": ("u", 0), "Gid": ("u", 0)}, [pidfd]), ("AccessDenied",), what)
    for other in (a.host.alice, a.host.sibling, boxes.first()):
        _, (end,) = other.ask("pair")
        answer = pass_on(a.box, None, end=end)
        other.do("run", "state.pop('peer')")
        yield from not_refused(answer, ("AccessDenied",), "a socket of another's")
        answers.add(str(answer))
        if other not in (a.host.alice, a.host.sibling):
            other.end()
    if len(answers) > 1:
        yield "it is told what they are: %s" % answers
    # The daemon's own end of a connection is the daemon's.
    sub.do("connect")
    _, (end,) = sub.ask("give_connection")
    yield from not_refused(pass_on(a.box, None, end=end), ("AccessDenied",), "a connection to the daemon")


@attack("a proxy gives its clients nothing, and gets nothing by them")
def proxied(a):
    a.expect_good(a.box.call("Create", "ss", ONE, "/roots"))
    victim = a.fork("/roots")
    user = a.user(1000)
    user.do("connect")
    yield from not_refused(pass_on(user, victim), ("AccessDenied",), "a user's proxy for root's process")
    # Whose ids are wrong
    for number in (UNMAPPED, NOBODY, IDS):
        yield from not_refused(pass_on(a.box, victim, {"Process": ("h", 1), "Uid": ("u", number)}, [victim.pidfd]), ("InvalidValue",), "Uid %d" % number)
    yield from not_refused(pass_on(a.box, user, {"Process": ("h", 1), "Uid": ("u", 0)}, [user.pidfd]), ("AccessDenied",), "a user's process as root's")
    yield from not_refused(pass_on(a.box, user, {"Process": ("h", 1), "Uid": ("u", 7)}, [user.pidfd]), ("AccessDenied",), "a user's process as another's")
    # A user behind root's proxy is a user.
    a.box.do("connect")
    client = user.fork()
    a.ended.append(client)
    a.expect_good(pass_on(a.box, client))
    for method in a.with_argument("path"):
        for path in ("/", "/roots"):
            answer = a.try_method(method, box=client, fds=[victim.pidfd], path=path, pid=victim.inner)
            if not answer.error:
                yield "a user behind root's proxy: %s %s: %s" % (method[1], path, answer)
    # Root behind a proxy that is below has what is below.
    low = a.fork("/low")
    low.do("unshare", boxes.NEWCGROUP)
    low.do("connect")
    client = a.fork()
    a.expect_good(pass_on(low, client))
    for method in a.with_argument("path"):
        for path in ("/", "/roots", "/low"):
            answer = a.try_method(method, box=client, fds=[victim.pidfd], path=path, pid=victim.inner)
            if not answer.error:
                yield "behind a proxy that is below: %s %s: %s" % (method[1], path, answer)
    # The proxy changes, and its client's connection with it.
    client = a.fork("/low/in")
    other = a.fork()
    other.do("connect")
    a.expect_good(pass_on(other, client))
    a.expect_good(client.call("ListChildren", "ss", ONE, "/"))
    a.expect_good(a.box.call("MovePid", "ssu", ONE, "/low", other.inner))
    other.do("unshare", boxes.NEWCGROUP)
    yield from not_refused(client.call("ListChildren", "ss", ONE, "/roots"), ("NoSuchController", "NoSuchCgroup"), "its proxy has gone below")
    other.end()
    a.ended.remove(other)
    try:
        yield "a client outlives its proxy: %s" % client.call("ListChildren", "ss", ONE, "/")
    except RuntimeError as error:
        if "ended the connection" not in str(error) and "Broken pipe" not in str(error) and "reset" not in str(error):
            yield str(error)


@attack("proxies of proxies, which go while their clients ask", depths=(2,))
def proxies_go(a):
    for length in (1, 4, 9, 12):
        chain = [a.fork()]
        chain[0].do("connect")
        for _ in range(length):
            client = a.fork()
            answer = pass_on(chain[-1], client)
            if answer.error:
                if length < 9 or answer.error != "QuotaExceeded":
                    yield "%d deep: %s" % (len(chain), answer)
                break
            a.expect_good(client.call("ListChildren", "ss", ONE, "/"))
            chain.append(client)
        if length == 12 and len(chain) > 10:
            yield "%d deep" % len(chain)
        chain[-1].do("run", "for _ in range(30): state['peer'].send('GetPidsRecursive', 'ss', [%r, '/'])" % ONE)
        for box in chain[:len(chain) // 2 + 1]:
            box.end()
            a.ended.remove(box)
