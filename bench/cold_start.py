"""What it costs an app to come to its first invocation, beside a minimal app that imports the same libraries.

`python bench/cold_start.py [--rounds N] [--without-bytecode] [--app NAME]`: each app is unpacked from the package that
would be deployed and loaded by Microsoft's worker library with this checkout hidden, ours and the other in turn;
medians of processor seconds, which a busy machine changes less than the time on the clock.

    import   from the worker's first request to all functions loaded
    first    the first invocation: for the consumers an unreadable message that goes to a broker as a rejection, for the
             API a request for /conformance; what is imported only when it is needed comes on top at its first use
    eager    the import of an app of a few lines that imports, at its top, every library which ours reaches

The start of Python and of the worker's library are the same for both and not counted. On Azure, getting an instance
and mounting the package come before all this.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from infra.local.servicebus.testing import running_server  # noqa: E402
from tests.contracts.microsoft_worker import Call, Report, work, worker_alone  # noqa: E402
from tests.contracts.reach import APPS, reach  # noqa: E402
from tests.contracts.test_packages import CALLS, ONE, PACKAGING, SETTINGS, SITE_PACKAGES  # noqa: E402

# Where the name of a distribution's folder is a mere namespace, what one imports of it.
IMPORTED = {"azure.storage": "azure.storage.blob", "pypgstac": "pypgstac.hydration"}
EAGER_CALL = Call("take", {"message": ("string", "anything")}, ONE)
EAGER = """{imports}
import azure.functions as func

app = func.FunctionApp()


@app.service_bus_topic_trigger(
    arg_name="message", topic_name="topic", subscription_name="subscription", connection="ServiceBus"
)
def take(message: func.ServiceBusMessage) -> None:
    message.get_body()
"""


def unpacked(app: str, shared: Path, folder: Path, bytecode: bool) -> Path:
    """The app as its package holds it."""
    archive = PACKAGING.package(app, shared, folder / "built", 0, bytecode=bytecode)
    shutil.rmtree(folder / "built" / app)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / app)
    archive.unlink()
    return folder / app


def eager_app(app: str, beside: Path) -> Path:
    """A minimal app with the libraries of the package `beside`."""
    folder = beside.with_name(f"{app}-eager")
    (folder / SITE_PACKAGES).parent.mkdir(parents=True)
    (folder / SITE_PACKAGES).symlink_to(beside / SITE_PACKAGES)
    modules = sorted(IMPORTED.get(name, name) for name in reach(app).foreign)
    (folder / "function_app.py").write_text(
        EAGER.format(imports="\n".join(f"import {name}" for name in modules))
    )
    shutil.copyfile(beside / "host.json", folder / "host.json")
    return folder


def start(folder: Path, call: Call, library: Path, settings: dict[str, str]) -> tuple[float, float]:
    """Processor seconds to import, and of the first invocation."""
    report: Report = work(folder, call, settings=settings, library=library)
    assert report.indexed.ok, report.indexed.error
    assert report.calls[0].ok, report.calls[0].error
    return report.indexed.cpu_s, report.calls[0].cpu_s


def main() -> int:
    """Measure all apps and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-bytecode", action="store_true", help="packed as sources only")
    parser.add_argument("--app", choices=APPS, action="append")
    arguments = parser.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # an instance starts from the package as it is
    print(
        f"{'app':<12} {'import':>8} {'first':>8} {'eager import':>13} {'import ratio':>13}   (processor seconds)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shared = PACKAGING.shared_wheel(folder)
        library = worker_alone(folder / "worker")
        with running_server(ROOT / "contracts" / "topology.json", folder / "broker") as broker:
            settings = SETTINGS | {"ServiceBus": broker.connection_string}
            for app in arguments.app or APPS:
                ours = unpacked(app, shared, folder, not arguments.without_bytecode)
                eager = eager_app(app, ours)
                times = []
                for number in range(arguments.rounds + 1):  # the first fills the machine's file cache
                    both = (
                        start(ours, CALLS[app], library, settings),
                        start(eager, EAGER_CALL, library, settings),
                    )
                    if number:
                        times.append((*both[0], both[1][0]))
                imported, first, other = (statistics.median(column) for column in zip(*times, strict=True))
                print(
                    f"{app:<12} {imported:>8.2f} {first:>8.2f} {other:>13.2f} {imported / other:>13.2f}",
                    flush=True,
                )
                shutil.rmtree(ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
