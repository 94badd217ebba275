"""What can VaxTrace be told to do? `python -m app COMMAND`: one function for each, whose work lives elsewhere.

Commands import what they need themselves, so that none of them waits for what only another one uses.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy as sa

Work = Callable[[argparse.Namespace], int | None]


def run(args: argparse.Namespace) -> int:
    """Run everything on this machine: servers, web, live, worker, one address, the demo country."""
    from app.local import run

    return run.run(still=args.still, facilities=args.facilities, seed=args.seed, port=args.port)


def stop(args: argparse.Namespace) -> int:
    """Stop what `run` started from this checkout, also what it left behind when it was killed."""
    from app.local import run

    return run.stop()


def clean(args: argparse.Namespace) -> int:
    """Stop everything and remove what was installed, made or kept for this checkout."""
    from app.local import run

    return run.clean()


def web(args: argparse.Namespace) -> None:
    """Serve pages, API, tiles and value vectors."""
    from app import settings, web

    web.main(settings.read())


def live(args: argparse.Namespace) -> None:
    """Serve the sockets."""
    from app import live, settings

    live.main(settings.read())


def worker(args: argparse.Namespace) -> None:
    """Read the outbox: assess, roll up, alert, push."""
    from app import settings, worker

    worker.main(settings.read())


def migrate(args: argparse.Namespace) -> None:
    """Bring the database to the newest version, and seal the names that an older one left plain."""
    from app import settings
    from app.auth import personal, sealed
    from data import migrate

    told = settings.read()
    people = told.web_database_url
    migrate.upgrade(told.database_url.get_secret_value(), None if people is None else people.get_secret_value())
    with _database() as engine:
        if names := personal.seal_plain(engine, sealed.box(told)):
            print(f"Names that were sealed: {names}.")


def load(args: argparse.Namespace) -> int:
    """Load a country from its pack.toml and say what was kept, refused and odd; the same again changes nothing."""
    from app import countries, settings
    from app.auth import sealed
    from data import errors
    from data.packs import reader, report

    try:
        with _database() as engine:
            pack, files = _named(args)
            digest = reader.digest(pack, files)
            country = reader.read(pack, files)
            told = settings.read()
            box = sealed.box(told) if told.demo else None
            loaded = countries.bring_in(engine, country, digest=digest, say=_say, demo_of=box)
    except errors.PackError as error:
        print(f"{error.message}\nNothing was recorded.", file=sys.stderr)
        return 1
    if loaded.unchanged:
        print(f"{country.programme.name} is loaded from this very pack already; nothing was changed.")
    else:
        print(report.report(loaded.findings))
    return 0


def demo(args: argparse.Namespace) -> None:
    """Make and load the demo country: real places, simulated facilities and stock."""
    from app import countries, settings
    from app.auth import sealed

    box = sealed.box(settings.read())
    with _database() as engine:
        countries.bring_in_demo(engine, box, facilities=args.facilities, seed=args.seed, say=_say)


def day(args: argparse.Namespace) -> None:
    """Send a simulated day's stock events to the API, one about every EVERY seconds."""
    from app import day, settings

    told = settings.read()
    if told.api is None or told.api_token is None:
        sys.exit("Set API (the address of VaxTrace) and API_TOKEN (a token that may record stock).")
    with _database() as engine, contextlib.suppress(KeyboardInterrupt):
        day.run(engine, told.api, told.api_token.get_secret_value(), every=args.every)


def audit(args: argparse.Namespace) -> int:
    """Prove that nothing on record was changed and all that is kept equals a replay from nothing; exits 1 where not."""
    from app import audit, settings

    found = audit.differences(settings.read().database_url.get_secret_value(), args.processes, most=args.most)
    print("\n".join(audit.lines(found, args.most)))
    return 1 if found else 0


def backtest(args: argparse.Namespace) -> None:
    """Foretell past months of a pack as it could have been done then, and print how good that was."""
    from app import backtest

    print(backtest.run(*_named(args), args.first, args.last, args.horizon, args.out, _say))


def train(args: argparse.Namespace) -> None:
    """Learn from a pack's or a programme's past how likely a stockout next month is, and write the model."""
    from app import backtest

    if (args.folder is None) == (args.programme is None):
        sys.exit("Name the pack's FOLDER, or with --programme a programme that is on record.")
    if args.programme is None:
        path = backtest.train(*_named(args), args.last, args.orders, args.out, _say)
    else:
        with _database() as engine:
            path = backtest.train_recorded(engine, args.programme, args.last, args.out, _say)
    print(f"Wrote {path}.")


def rebuild(args: argparse.Namespace) -> None:
    """Make all that is kept beside the record from it again: balances, months, states, roll-ups, alerts."""
    from app import rebuild

    with _database() as engine:
        rebuild.rebuild(engine, args.programme, _say)


def user(args: argparse.Namespace) -> None:
    """Let somebody sign in: asks for a password, and gives a role in a programme. Or put them out, with --remove."""
    from app import settings
    from app.auth import sealed, users

    if not args.remove and not (args.programme and args.role):
        sys.exit("Give --programme and --role, or --remove.")
    with _database() as engine:
        if args.remove:
            users.remove(engine, args.email)
            print(f"{args.email} is out: no session, token or role is left.")
            return
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        told = settings.read()
        users.add(
            engine, sealed.box(told), args.email, args.name or args.email, password, phone=args.phone or "",
            breached=told.breached_passwords,
        )  # fmt: skip
        users.grant(engine, args.email, args.role, args.programme, area=args.area, facility=args.facility)
    print(f"{args.email} may sign in.")


def token(args: argparse.Namespace) -> None:
    """Make a token for a connected system: it may do what its user may, or less; it is shown once. Or end them all."""
    from app.auth import users

    with _database() as engine:
        if args.revoke:
            print(f"Tokens of {args.email} that work no more: {users.revoke(engine, args.email)}.")
        else:
            scope = {"rights": args.rights, "programme": args.programme, "area": args.area}
            print(users.token(engine, args.email, args.label, args.days, **scope))


def client(args: argparse.Namespace) -> None:
    """Let a connected system fetch its tokens at /api/v1/token; its secret is shown once."""
    from app.auth import users

    with _database() as engine:
        if args.end:
            users.end_client(engine, args.email, args.end)
            print(f"{args.end} and its tokens work no more.")
            return
        name, secret = users.client(
            engine, args.email, args.label, rights=args.rights, programme=args.programme, area=args.area
        )
    print(f"client_id={name}\nclient_secret={secret}")


def reset(args: argparse.Namespace) -> None:
    """Make a link with which somebody chooses a new password; it works once, for three days."""
    from app import settings
    from app.auth import users

    with _database() as engine:
        path = users.reset(engine, args.email, second_factor=args.second_factor)
    print(f"{settings.read().public_url or ''}{path}")


def switch(args: argparse.Namespace) -> None:
    """Stop a person or a programme within two seconds, or start one again."""
    from app.auth import users

    with _database() as engine:
        users.switch(engine, args.what, stop=args.how == "stop")
    print(f"{args.what}: {'stopped' if args.how == 'stop' else 'started again'}.")


def seal(args: argparse.Namespace) -> None:
    """Seal names, numbers and secrets with the first of ENCRYPTION_KEYS, so that the others may be taken away."""
    from app import settings
    from app.auth import sealed, users

    with _database() as engine:
        print(f"Sealed anew: {users.reseal(engine, sealed.box(settings.read()))}.")


def vendor(args: argparse.Namespace) -> None:
    """Copy the browser's libraries into assets/vendor, and compress everything static."""
    from app import vendor

    vendor.build()


@contextlib.contextmanager
def _database() -> Iterator[sa.Engine]:
    """The database of the settings, with a connection or two; closed at the end."""
    from app import settings
    from data import db

    engine = db.engine(settings.read().database_url.get_secret_value(), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _say(text: str) -> None:
    print(f"    {text}", flush=True)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _pack(command: argparse.ArgumentParser, *, needed: bool = True) -> None:
    said = "the country's folder, with its pack.toml; or with --pack the folder in which the files lie that it names"
    command.add_argument("folder", type=Path, metavar="FOLDER", nargs=None if needed else "?", help=said)
    command.add_argument("--pack", type=Path, metavar="PACK", help="its pack.toml, where that lies elsewhere")


def _named(args: argparse.Namespace) -> tuple[Path, Path | None]:
    """The pack, and the folder of its files where that is another one."""
    return (args.folder, None) if args.pack is None else (args.pack, args.folder)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m app", description="VaxTrace: a nation's vaccine stock on a live map."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(work: Work) -> argparse.ArgumentParser:
        sentence = work.__doc__ or ""
        command = commands.add_parser(work.__name__, help=sentence, description=sentence)
        command.set_defaults(work=work)
        return command

    command = add(run)
    command.add_argument("--still", action="store_true", help="leave out the simulated day: nothing moves by itself")
    command.add_argument("--facilities", type=int, metavar="N", help="how many facilities the demo gets (8000)")
    command.add_argument("--seed", type=int, metavar="S", help="another demo country of the same shape")
    command.add_argument("--port", type=int, default=8050, metavar="P", help="the port, or the next free one (8050)")
    add(stop)
    add(clean)
    add(web)
    add(live)
    add(worker)
    add(migrate)
    _pack(add(load))
    command = add(demo)
    command.add_argument("--facilities", type=int, default=8000, metavar="N", help="health facilities (8000)")
    command.add_argument("--seed", type=int, default=7, metavar="S", help="another country of the same shape (7)")
    command = add(day)
    command.add_argument("--every", type=float, default=2.0, metavar="EVERY", help="seconds between events (2)")
    command = add(audit)
    command.add_argument("--most", type=int, default=100, metavar="N", help="print so many of each check at most (100)")
    command.add_argument("--processes", type=int, metavar="N", help="replay with so many processes (one per core)")
    command = add(backtest)
    _pack(command)
    command.add_argument("--from", dest="first", required=True, metavar="YYYY-MM", help="the first month foretold")
    command.add_argument("--to", dest="last", required=True, metavar="YYYY-MM", help="the last month foretold")
    command.add_argument("--horizon", type=int, default=1, metavar="N", help="foretold so many months before (1)")
    command.add_argument("--out", type=Path, metavar="DIR", help="write the figures and pictures there as well")
    command = add(train)
    _pack(command, needed=False)
    command.add_argument("--programme", metavar="CODE", help="learn from what is on record of this programme instead")
    command.add_argument("--to", dest="last", metavar="YYYY-MM", help="learn from the months up to this one (all)")
    command.add_argument("--orders", action="store_true", help="read what was ordered, too: the record lacks it")
    command.add_argument("--out", type=Path, metavar="FILE", help="the model (data/insight/models/PROGRAMME.npz)")
    command = add(rebuild)
    command.add_argument("programme", nargs="?", metavar="PROGRAMME", help="only this one, such as nigeria-demo (all)")
    command = add(user)
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--name", metavar="NAME", help="how the pages call them (the e-mail)")
    command.add_argument("--phone", metavar="NUMBER", help="where to reach them, as +2348035550123")
    command.add_argument("--programme", metavar="CODE", help="the programme, such as nigeria-demo")
    command.add_argument("--role", metavar="ROLE", help="national, area, facility, analyst, machine, ...")
    command.add_argument("--area", metavar="CODE", help="only in this area and what lies in it")
    command.add_argument("--facility", metavar="CODE", help="only at this facility")
    command.add_argument("--remove", action="store_true", help="end their sessions and tokens, and forget them")
    for work in (token, client):
        command = add(work)
        command.add_argument("email", metavar="EMAIL")
        command.add_argument("--label", default="", metavar="LABEL", help="what it is for")
        command.add_argument(
            "--rights", type=_words, metavar="SEE,RECORD", help="only these of its user's rights (all)"
        )
        command.add_argument("--programme", metavar="CODE", help="only in this programme (all of its user's)")
        command.add_argument("--area", metavar="CODE", help="only in this area of the programme")
        if work is token:
            command.add_argument("--days", type=int, default=90, metavar="N", help="how long it works (90)")
            command.add_argument("--revoke", action="store_true", help="end every token of this user instead")
        else:
            command.add_argument("--end", metavar="CLIENT_ID", help="end this one and its tokens instead")
    command = add(reset)
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--second-factor", action="store_true", help="take the second factor away as well")
    command = add(switch)
    command.add_argument("how", choices=("stop", "start"))
    command.add_argument("what", metavar="EMAIL|PROGRAMME", help="a person's e-mail, or a programme's code")
    add(seal)
    add(vendor)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit code."""
    from data import errors

    args = _parser().parse_args(argv)
    work: Work = args.work
    try:
        return work(args) or 0
    except errors.DataError as error:
        print(error.message, file=sys.stderr)
        return 1


def _use_our_python() -> None:
    """Go on with the Python that `make` installed, where this one is another."""
    ours = Path(__file__).resolve().parent.parent / ".local" / "venv"
    if (
        Path(sys.prefix).resolve() != ours.resolve()
        and (ours / "bin" / "python").exists()
        and "VIRTUAL_ENV" not in os.environ
    ):
        os.execv(ours / "bin" / "python", [str(ours / "bin" / "python"), "-m", "app", *sys.argv[1:]])


if __name__ == "__main__":
    _use_our_python()
    sys.exit(main())
