"""What it costs an app to come to its first invocation, beside itself with bytecode and a minimal eager app.

`python bench/cold_start.py [--rounds N] [--app NAME] [--built FOLDER]`: each app is unpacked from the package that is
deployed (or taken from FOLDER, where `make package` left it) and loaded by Microsoft's worker library with this
checkout hidden, the three in turn; medians of processor seconds, which a busy machine changes less than the clock's.

    import   from the worker's first request to all functions loaded
    first    the first invocation: for the consumers an unreadable message that goes to a broker as a rejection, for the
             API a request for /conformance; what is imported only when it is needed comes on top at its first use
    compiled the same of the package with bytecode (BYTECODE=1): an instance need not compile what it imports
    eager    the import of an app of a few lines that imports, at its top, every library which ours reaches, compiled
    MB       of the unpacked app, without bytecode and with it

The start of Python and of the worker's library are the same for all and not counted. On Azure, getting an instance and
mounting the package come before all this.
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


def unpacked(app: str, shared: Path, folder: Path) -> Path:
    """The app as its package holds it."""
    archive = PACKAGING.package(app, shared, folder / "built", 0)
    shutil.rmtree(folder / "built" / app)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / app)
    archive.unlink()
    return folder / app


def megabytes(folder: Path) -> float:
    """How much an unpacked app is."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def eager_app(app: str, beside: Path, folder: Path) -> Path:
    """A minimal app with the libraries of the package `beside`."""
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
    report: Report = work(folder, call, settings=settings, library=library, deadline_s=600)
    assert report.indexed.ok, report.indexed.error
    assert report.calls[0].ok, report.calls[0].error
    return report.indexed.cpu_s, report.calls[0].cpu_s


def main() -> int:
    """Measure all apps and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--app", choices=APPS, action="append")
    parser.add_argument("--built", type=Path, help="where unpacked packages are, such as build/packages")
    arguments = parser.parse_args()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # an instance starts from the package as it is
    heads = ("import", "first", "compiled", "first", "eager", "to comp.", "to eager", "MB", "MB")
    print(
        f"{'app':<12}" + "".join(f"{head:>11}" for head in heads) + "   (processor seconds, ratios of import)"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library = worker_alone(folder / "worker")
        shared = None if arguments.built else PACKAGING.shared_wheel(folder)
        with running_server(ROOT / "contracts" / "topology.json", folder / "broker") as broker:
            settings = SETTINGS | {"ServiceBus": broker.connection_string}
            for app in arguments.app or APPS:
                ours = arguments.built.resolve() / app if arguments.built else unpacked(app, shared, folder)
                compiled = folder / f"{app}-compiled"
                shutil.copytree(ours, compiled)
                PACKAGING.compile_all(compiled)
                eager = eager_app(app, compiled, folder / f"{app}-eager")
                times = []
                for number in range(arguments.rounds + 1):  # the first fills the machine's file cache
                    three = (
                        start(ours, CALLS[app], library, settings),
                        start(compiled, CALLS[app], library, settings),
                        start(eager, EAGER_CALL, library, settings),
                    )
                    if number:
                        times.append((*three[0], *three[1], three[2][0]))
                found = [statistics.median(column) for column in zip(*times, strict=True)]
                ratios = [found[0] / found[2], found[4] / found[2]]
                figures = [*found, *ratios, megabytes(ours), megabytes(compiled)]
                print(f"{app:<12}" + "".join(f"{figure:>11.2f}" for figure in figures), flush=True)
                shutil.rmtree(compiled)
                if not arguments.built:
                    shutil.rmtree(ours)
    return 0


if __name__ == "__main__":
    sys.exit(main())
