"""What can VaxTrace be told to do? `python -m app COMMAND`: one function for each, whose work lives elsewhere.

Commands import what they need themselves, so that none of them waits for what only another one uses.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

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
    """Bring the database to the newest version."""
    from app import settings
    from data import migrate

    migrate.upgrade(settings.read().database_url.get_secret_value())


def load(args: argparse.Namespace) -> int:
    """Load a country from its pack.toml and say what was kept, refused and odd; the same again changes nothing."""
    from app import countries, settings
    from data import db, errors
    from data.packs import reader, report

    told = settings.read()
    engine = db.engine(told.database_url.get_secret_value())
    try:
        pack, files = (args.folder, None) if args.pack is None else (args.pack, args.folder)
        digest = reader.digest(pack, files)
        country = reader.read(pack, files)
        loaded = countries.bring_in(engine, country, digest=digest, say=_say, demo_mode=told.demo)
    except errors.PackError as error:
        print(f"{error.message}\nNothing was recorded.", file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    if loaded.unchanged:
        print(f"{country.programme.name} is loaded from this very pack already; nothing was changed.")
    else:
        print(report.report(loaded.findings))
    return 0


def demo(args: argparse.Namespace) -> None:
    """Make and load the demo country: real places, simulated facilities and stock."""
    from app import countries, settings
    from data import db

    engine = db.engine(settings.read().database_url.get_secret_value())
    countries.bring_in_demo(engine, facilities=args.facilities, seed=args.seed, say=_say)
    engine.dispose()


def day(args: argparse.Namespace) -> None:
    """Send a simulated day's stock events to the API, one about every EVERY seconds."""
    from app import day, settings
    from data import db

    told = settings.read()
    if told.api is None or told.api_token is None:
        sys.exit("Set API (the address of VaxTrace) and API_TOKEN (a token that may record stock).")
    engine = db.engine(told.database_url.get_secret_value(), pool_size=1)
    with contextlib.suppress(KeyboardInterrupt):
        day.run(engine, told.api, told.api_token.get_secret_value(), every=args.every)


def audit(args: argparse.Namespace) -> int:
    """Prove that balances, months, states and alerts equal what they are made from; exits 1 where they do not."""
    from app import settings
    from data import db
    from data.record import audit

    engine = db.engine(settings.read().database_url.get_secret_value(), pool_size=1)
    with db.transaction(engine) as conn:
        found = audit.differences(conn)
    for check in audit.checks():
        wrong = [d for d in found if d.check.replace("_", " ") == check]
        print(f"{'ok   ' if not wrong else 'WRONG'}  {check}")
        for d in wrong:
            print(f"         {d.place}: stands {d.stands}, should be {d.should}")
    return 1 if found else 0


def rebuild(args: argparse.Namespace) -> int:
    """Make all that is kept beside the record from it again: balances, months, states, roll-ups, alerts."""
    from app import rebuild, settings
    from data import db, errors

    engine = db.engine(settings.read().database_url.get_secret_value(), pool_size=1)
    try:
        rebuild.rebuild(engine, args.programme, _say)
    except errors.DataError as error:
        print(error.message, file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def user(args: argparse.Namespace) -> int:
    """Let somebody sign in: asks for a password, and gives a role in a programme. Or put them out, with --remove."""
    from app import settings
    from app.auth import users
    from data import db, errors

    if not args.remove and not (args.programme and args.role):
        sys.exit("Give --programme and --role, or --remove.")
    engine = db.engine(settings.read().database_url.get_secret_value(), pool_size=1)
    try:
        if args.remove:
            users.remove(engine, args.email)
            print(f"{args.email} is out: no session, token or role is left.")
            return 0
        password = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
        users.add(engine, args.email, args.name or args.email, password)
        users.grant(engine, args.email, args.role, args.programme, area=args.area, facility=args.facility)
    except errors.DataError as error:
        print(error.message, file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    print(f"{args.email} may sign in.")
    return 0


def token(args: argparse.Namespace) -> int:
    """Make a token for a connected system, which may do what its user may do; it is shown once. Or end them all."""
    from app import settings
    from app.auth import users
    from data import db, errors

    engine = db.engine(settings.read().database_url.get_secret_value(), pool_size=1)
    try:
        if args.revoke:
            print(f"Tokens of {args.email} that work no more: {users.revoke(engine, args.email)}.")
            return 0
        print(users.token(engine, args.email, args.label, args.days))
    except errors.DataError as error:
        print(error.message, file=sys.stderr)
        return 1
    finally:
        engine.dispose()
    return 0


def vendor(args: argparse.Namespace) -> None:
    """Copy the browser's libraries into assets/vendor, and compress everything static."""
    from app import vendor

    vendor.build()


def _say(text: str) -> None:
    print(f"    {text}", flush=True)


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
    command = add(load)
    command.add_argument("folder", type=Path, metavar="FOLDER", help="the country's folder, with its pack.toml")
    command.add_argument("--pack", type=Path, metavar="PACK", help="its pack.toml, where that lies elsewhere")
    command = add(demo)
    command.add_argument("--facilities", type=int, default=8000, metavar="N", help="health facilities (8000)")
    command.add_argument("--seed", type=int, default=7, metavar="S", help="another country of the same shape (7)")
    command = add(day)
    command.add_argument("--every", type=float, default=2.0, metavar="EVERY", help="seconds between events (2)")
    add(audit)
    command = add(rebuild)
    command.add_argument("programme", nargs="?", metavar="PROGRAMME", help="only this one, such as nigeria-demo (all)")
    command = add(user)
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--name", metavar="NAME", help="how the pages call them (the e-mail)")
    command.add_argument("--programme", metavar="CODE", help="the programme, such as nigeria-demo")
    command.add_argument("--role", metavar="ROLE", help="national, area, facility, analyst, machine, ...")
    command.add_argument("--area", metavar="CODE", help="only in this area and what lies in it")
    command.add_argument("--facility", metavar="CODE", help="only at this facility")
    command.add_argument("--remove", action="store_true", help="end their sessions and tokens, and forget them")
    command = add(token)
    command.add_argument("email", metavar="EMAIL")
    command.add_argument("--label", default="", metavar="LABEL", help="what it is for")
    command.add_argument("--days", type=int, default=90, metavar="N", help="how long it works (90)")
    command.add_argument("--revoke", action="store_true", help="end every token of this user instead")
    add(vendor)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks; returns the exit code."""
    args = _parser().parse_args(argv)
    work: Work = args.work
    return work(args) or 0


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
