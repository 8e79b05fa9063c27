"""`linli story rain-night`: plays a rain night against the running demo district, as outside clients would."""

from __future__ import annotations

import argparse
import json
from typing import Any

from linli import commands
from linli.home import Home


def register(sub: Any) -> None:
    parser = sub.add_parser("story", help="play a story in the demo district")
    parser.add_argument("name", choices=["rain-night"])
    commands.add_home(parser)
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON on the last line")
    parser.add_argument("--pace", type=float, default=1.0, help="more is slower, for watching (default 1)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from linli.sim.homefiles import NotADemo, demo
    from linli.sim.story import Story, StoryFailed
    from linli.sim.web import Refused

    try:
        story = Story(demo(Home.current()), say=(lambda text: None) if args.json else print, pace=args.pace)
        outcome = story.run()
    except NotADemo as error:
        raise commands.CommandError(str(error)) from error
    except (StoryFailed, Refused) as error:
        print(f"the story failed: {error}")
        return 1
    print(json.dumps(outcome, ensure_ascii=False) if args.json else f"done in {outcome['seconds']} s (simulated)")
    return 0
