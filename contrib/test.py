#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The test run behind contrib/test: builds the tree in several ways, runs all tests in each, and counts.

What is counted comes from the runs themselves: the TAP results of `make check`, pytest's XML report;
every other step (a build, a fuzzer, a lint) counts as one. A step that reports nothing has failed.
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tarfile
import threading
import time
import traceback
import xml.etree.ElementTree

TOP = pathlib.Path(__file__).resolve().parent.parent
CORES = len(os.sched_getaffinity(0))
FUZZ_SECONDS = 3
LOG_TAIL = 25
RUN_SECONDS = 1500  # what has not ended by then has failed; a run takes 12 to 20 minutes on two cores

# Tests wait more than they work: one more of them at a time than there are cores. What works and waits for nothing
# gives way to them.
STEPS_AT_ONCE = CORES + 1
GIVES_WAY = ["nice", "-n", "10"]

# Build trees: configure's arguments. The tree "thread" is also the one that says what clang warns of.
# LINES is what a sanitizer's report needs, at half the compiler's time. CHECK_SLOWER stretches the unit
# tests' own timeouts.
LINES = "CFLAGS=-O1 -g1"
TREES = {
    "plain": ["CC=gcc", "--enable-werror"],
    "sanitize": ["CC=gcc", LINES, "--enable-werror", "--enable-sanitize=address,undefined"],
    "thread": ["CC=clang", LINES, "--enable-werror", "--enable-sanitize=thread"],
    "fuzz": ["CC=clang", LINES, "--enable-sanitize=fuzzer-no-link,address,undefined"],
}
# Of what configure makes: libtool takes half the time in a plain shell.
PLAIN_SHELL = {"CONFIG_SHELL": "/bin/sh"}
# Those whose tests take longest.
FIRST = ("plain", "sanitize")
CHECK_SLOWER = {"sanitize": "4", "thread": "8"}


class Result:
    """How a step went: counts, and lines that say what failed."""

    def __init__(self, passed=0, failed=0, skipped=0, problems=()):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        self.problems = list(problems)

    @classmethod
    def one(cls, problem=None):
        return cls(failed=1, problems=[problem]) if problem else cls(passed=1)


class Runner:
    def __init__(self, build):
        self.build = build
        self.logs = build / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.syslog_ng = build / "syslog-ng"
        self.total = Result()
        self.deadline = time.monotonic() + RUN_SECONDS
        self.counting = threading.Lock()  # steps run at once

    # ---- commands -------------------------------------------------------------------------------

    def command(self, log, argv, timeout, cwd=TOP, env=None):
        """Runs argv with its output in the log. None, or what went wrong."""
        full_env = {**os.environ, **(env or {})}
        timeout = min(timeout, self.deadline - time.monotonic())
        if timeout <= 0:
            return f"not begun within {RUN_SECONDS} s"
        with open(log, "ab") as out:
            out.write(f"\n$ cd {cwd} && {shlex.join(map(str, argv))}\n".encode())
            out.flush()
            try:
                process = subprocess.Popen(
                    argv, cwd=cwd, env=full_env, stdin=subprocess.DEVNULL, stdout=out,
                    stderr=subprocess.STDOUT, start_new_session=True)
            except OSError as error:
                return str(error)
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.end(process)
                return f"no end after {timeout:.0f} s"
            except BaseException:
                self.end(process)
                raise
        return None if status == 0 else f"exit status {status}"

    @staticmethod
    def end(process):
        """Interrupts the command and all it started, so that tests clean up; then kills."""
        for number, patience in ((signal.SIGINT, 20), (signal.SIGKILL, 5)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
                return

    # ---- steps ----------------------------------------------------------------------------------

    def step(self, name, function, *args):
        """Runs function(log, *args) -> Result, prints and counts it. Whether nothing failed."""
        log = self.logs / (name.replace(": ", "-").replace(" ", "-").replace("/", "-") + ".log")
        log.unlink(missing_ok=True)
        start = time.monotonic()
        try:
            result = function(log, *args)
        except Exception:
            result = Result.one(traceback.format_exc().rstrip())
        seconds = time.monotonic() - start
        if result.passed + result.failed + result.skipped == 0:
            result = Result.one("nothing ran")
        self.report(name, result, seconds, log)
        return result.failed == 0

    def report(self, name, result, seconds, log):
        counts = f"{result.passed} passed"
        if result.failed:
            counts += f", {result.failed} failed"
        if result.skipped:
            counts += f", {result.skipped} skipped"
        lines = [f"{'FAIL' if result.failed else 'ok':4} {name:44} {counts}  ({seconds:.0f} s)"]
        if result.failed:
            lines += [f"       {problem}" for problem in result.problems]
            lines += [f"     log: {log}"]
            if log.exists():
                tail = log.read_text(errors="replace").splitlines()[-LOG_TAIL:]
                lines += [f"     | {line}" for line in tail]
        with self.counting:
            print("\n".join(lines), flush=True)
            self.total.passed += result.passed
            self.total.failed += result.failed
            self.total.skipped += result.skipped

    def tree(self, name):
        return self.build / name

    def environment(self, name):
        """For the tests of a tree: where it is, and sanitizers that do not let errors pass."""
        env = {
            "HOOKSWITCH_BUILD": str(self.tree(name)),
            "HOOKSWITCH_SYSLOG_NG": str(self.syslog_ng),
            "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
        }
        if name in CHECK_SLOWER:
            env["CK_TIMEOUT_MULTIPLIER"] = CHECK_SLOWER[name]
        return env

    def unpack_syslog_ng(self, log):
        """Debian installs rsyslog or syslog-ng, not both."""
        self.syslog_ng.mkdir(exist_ok=True)
        problem = None
        if not (self.syslog_ng / "usr/sbin/syslog-ng").exists():
            download = ["apt-get", "-o", "Acquire::Retries=3", "download", "syslog-ng-core"]
            problem = self.command(log, download, 120, cwd=self.syslog_ng)
            if problem:
                # The lists may name one that the archive has no more.
                self.command(log, ["apt-get", "-o", "Acquire::Retries=3", "update"], 120)
                problem = self.command(log, download, 120, cwd=self.syslog_ng)
            for package in self.syslog_ng.glob("*.deb"):
                problem = problem or self.command(log, ["dpkg", "-x", package, self.syslog_ng], 60)
        return Result.one(problem)

    def wrapper(self, name):
        """ThreadSanitizer of clang 14 cannot live with every address space layout."""
        fixed_layout = ["setarch", "-R"]
        if name != "thread" or subprocess.call(
                [*fixed_layout, "true"], stderr=subprocess.DEVNULL) != 0:
            return []
        return fixed_layout

    def compile(self, log, name, targets, gives_way=()):
        if not targets:
            return Result.one("nothing to build")
        tree = self.tree(name)
        tree.mkdir(exist_ok=True)
        stamp = tree / "configured-with"
        wanted = shlex.join(TREES[name])
        problem = None
        if not stamp.exists() or stamp.read_text() != wanted:
            problem = self.command(log, [TOP / "configure", *TREES[name]], 300, cwd=tree, env=PLAIN_SHELL)
            if not problem:
                stamp.write_text(wanted)
        for target in targets:
            problem = problem or self.command(
                log, [*gives_way, "make", f"-j{CORES}", *target], 900, cwd=tree)
        return Result.one(problem)

    def check(self, log, name):
        tree = self.tree(name)
        for old in tree.rglob("*.trs"):
            old.unlink()
        problem = self.command(
            log, [*self.wrapper(name), "make", f"-j{CORES}", "check"], 600, cwd=tree,
            env=self.environment(name))
        result = Result()
        for trs in sorted(tree.rglob("*.trs")):
            program = trs.relative_to(tree).with_suffix("")
            for line in trs.read_text(errors="replace").splitlines():
                if not line.startswith(":test-result: "):
                    continue
                verdict, _, test = line[len(":test-result: "):].partition(" ")
                if verdict in ("PASS", "XFAIL"):
                    result.passed += 1
                elif verdict == "SKIP":
                    result.skipped += 1
                else:
                    result.failed += 1
                    result.problems.append(f"{program}: {test} (see {trs.with_suffix('.log')})")
        if problem and not result.failed:
            result.failed += 1
            result.problems.append(f"make check: {problem}")
        return result

    def pytest(self, log, name, extra, timeout):
        report = self.logs / f"{name}-integration.xml"
        report.unlink(missing_ok=True)
        problem = self.command(
            log, [*self.wrapper(name), "/usr/bin/python3", "-m", "pytest", "-v", "-p",
                  "no:cacheprovider", "-n", str(CORES), "--dist", "loadfile",
                  f"--junitxml={report}", *extra, "tests/integration"],
            timeout, env=self.environment(name))
        result = Result()
        if report.exists():
            for case in xml.etree.ElementTree.parse(report).iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    result.failed += 1
                    result.problems.append(f"{case.get('classname')}::{case.get('name')}")
                elif case.find("skipped") is not None:
                    result.skipped += 1
                else:
                    result.passed += 1
        if problem and not result.failed:
            result.failed += 1
            result.problems.append(f"pytest: {problem}")
        return result

    def fuzzers(self):
        return sorted(path for path in (self.tree("fuzz") / "tests/fuzz").glob("fuzz_*")
                      if path.is_file() and not path.suffix)

    def fuzz(self, log, name):
        """A short run, each time from the same start: what is deep is sought by longer ones, with other seeds."""
        corpus = self.tree("fuzz") / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        inputs = [path for folder in (TOP / "tests/fuzz/seeds" / name, TOP / "tests/fixtures", TOP / "etc")
                  for path in sorted(folder.rglob("*")) if path.is_file()]
        listed = self.logs / f"{name}.inputs"
        listed.write_text(",".join(map(str, inputs)))
        return Result.one(self.command(
            log, [self.tree("fuzz") / "tests/fuzz" / name, "-seed=1", "-reload=0", f"-seed_inputs=@{listed}",
                  f"-max_total_time={FUZZ_SECONDS}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
                  f"-artifact_prefix={self.logs}/{name}-", corpus],
            FUZZ_SECONDS * 6 + 60, env=self.environment("fuzz")))

    def distcheck(self, log):
        """Whether the tarball builds and installs. The tests ran already, and so did the optimizer."""
        problem = self.command(
            log, [*GIVES_WAY, "make", f"-j{CORES}", "distcheck", "DISTCHECK_CONFIGURE_FLAGS=--disable-tests CFLAGS=-O0"],
            900, cwd=self.tree("plain"), env={**PLAIN_SHELL, "XZ_OPT": "-1"})
        return Result.one(problem or self.tarball_lacks())

    def tarball_lacks(self):
        """None, or which of git's files are not in it."""
        if not (TOP / ".git").exists():
            return None
        git = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True)
        path = max(self.tree("plain").glob("hookswitch-*.tar.xz"), key=lambda path: path.stat().st_mtime)
        with tarfile.open(path) as tarball:
            names = {name.partition("/")[2] for name in tarball.getnames()}
        missing = [name for name in git.stdout.splitlines() if name not in names and not name.startswith(".")]
        return f"not in the tarball: {', '.join(missing)}" if missing else None

    def lint(self, log, argv, files):
        return Result.one(self.command(log, [*argv, *files], 120) if files else "no files")

    def lint_api(self, log):
        """By linters of npm; without npm, or when its registry does not answer, it is skipped."""
        problem = self.command(log, [TOP / "contrib/lint-api", self.build / "npm"], 300)
        return Result(skipped=1) if problem == "exit status 77" else Result.one(problem)


def sources(pattern):
    """Files of the project, none of build trees."""
    for folder in (".ci", "contrib", "core", "etc", "plugins", "sdk", "tests"):
        yield from sorted((TOP / folder).rglob(pattern))


def scripts():
    found = [TOP / "autogen.sh"]
    for path in sources("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            with open(path, "rb") as file:
                if file.readline().startswith((b"#!/bin/sh", b"#!/bin/bash")):
                    found.append(path)
    return found


def run_lints(runner):
    pages = [page for section in "1578" for page in sources(f"*.{section}")]
    runner.step("lint: shellcheck", runner.lint, ["shellcheck"], scripts())
    runner.step("lint: mandoc", runner.lint, ["mandoc", "-T", "lint", "-W", "warning"], pages)
    runner.step("lint: OpenAPI and AsyncAPI", runner.lint_api)


def run_quick(runner):
    runner.step("syslog-ng: unpack", runner.unpack_syslog_ng)
    if not runner.step("plain: build", runner.compile, "plain", [["all"]]):
        return
    runner.step("plain: make check", runner.check, "plain")
    runner.step("plain: integration tests", runner.pytest, "plain", [], 1500)


class Builds:
    """The trees' builds, each made by the first who needs it; the others wait for that."""

    def __init__(self, runner):
        self.runner = runner
        self.locks = {name: threading.Lock() for name in TREES}
        self.made = {}

    def get(self, name):
        """Whether the tree was built."""
        with self.locks[name]:
            if name not in self.made:
                targets = [["fuzzers"]] if name == "fuzz" else [["all"], ["check", "TESTS="]]
                self.made[name] = self.runner.step(
                    f"{name}: build", self.runner.compile, name, targets, [] if name in FIRST else GIVES_WAY)
            return self.made[name]


def run_all(runner):
    builds = Builds(runner)
    runner.step("syslog-ng: unpack", runner.unpack_syslog_ng)

    def integration(name, *extra):
        runner.step(f"{name}: integration tests", runner.pytest, name, extra, 1500)

    def check(name):
        runner.step(f"{name}: make check", runner.check, name)

    def distcheck(name):
        runner.step(f"{name}: make distcheck", runner.distcheck)

    def threads(name):
        integration(name, "-m", "threads")

    def fuzz(name):
        for path in runner.fuzzers():
            runner.step(f"{name}: {path.name}", runner.fuzz, path.name)

    # The longest chains first; what is in one chain must not run at once.
    chains = [("sanitize", integration), ("plain", integration), ("thread", threads, check),
              ("plain", check, distcheck), ("fuzz", fuzz), ("sanitize", check)]

    def run(chain):
        name, *steps = chain
        if builds.get(name):
            for step in steps:
                step(name)

    with concurrent.futures.ThreadPoolExecutor(STEPS_AT_ONCE) as pool:
        running = [pool.submit(run, chain) for chain in chains]
        run_lints(runner)
        for future in running:
            future.result()


def main():
    parser = argparse.ArgumentParser(
        prog="contrib/test", description="Builds hookswitch with gcc and clang, with and without "
        "sanitizers, and runs its unit and integration tests, fuzzers and lints.",
        epilog="Build trees and logs are kept in $BUILD, or ./build-test, so that another run is "
        "quicker. Exit status: 0 when all passed, 1 otherwise.")
    parser.add_argument("--quick", action="store_true",
                        help="only the plain build with its unit and integration tests")
    options = parser.parse_args()
    # As a relative path $BUILD means what it means to the caller.
    runner = Runner(pathlib.Path(os.environ.get("BUILD") or TOP / "build-test").resolve())
    start = time.monotonic()
    # The generated ./configure is the checkout's: made once, for all trees.
    has_configure = (TOP / "configure").exists() or runner.step(
        "autogen.sh", lambda log: Result.one(runner.command(log, [TOP / "autogen.sh"], 120)))
    if has_configure:
        run_quick(runner) if options.quick else run_all(runner)
    total = runner.total
    print(f"took {time.monotonic() - start:.0f} s, {total.skipped} skipped, logs are in {runner.logs}")
    print(f"{total.passed} passed, {total.failed} failed")
    return 0 if total.passed and not total.failed else 1


if __name__ == "__main__":
    sys.exit(main())
