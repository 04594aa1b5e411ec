"""A program of a gateway in a container on this machine's network: started, watched and ended by the engine."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import psutil

from idchaos.errors import TargetError
from idchaos.targets.base import ProcessState
from idchaos.undo.ledger import RUN_ID_VARIABLE, RUN_LABEL

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ENGINE_PATIENCE_S = 30.0
STOPS_WITHIN_S = 2
KILLED = 128 + signal.SIGKILL
"""How one ended that is gone altogether, as far as can be told."""
_Told = TypeVar("_Told")


@dataclass
class Contained:
    """One container. It has the network of the machine, so that whoever is told an address reaches it from there; the
    replica's folder is where it is, and nothing else of the machine is.
    """

    name: str
    image: str
    command: Sequence[str]
    environment: Mapping[str, str]
    run_id: str
    log_path: Path
    folder: Path
    _engine: DockerClient | None = None
    _container: Container | None = None
    _log: IO[bytes] | None = None
    _written: int = 0
    """Bytes of its log that are kept."""
    _reader: threading.Thread | None = field(default=None, repr=False)
    problem: str = ""
    """What of it could not be ended or kept, in one line; empty: nothing."""

    def spawn(self) -> None:
        """Create and start it.

        Raises:
            TargetError: no engine answers, there is no such image here, or it can't be started.
        """
        import docker
        from docker.errors import DockerException, ImageNotFound

        folder = str(self.folder.absolute())
        self.folder.chmod(0o777)  # whoever the image's user is
        try:
            self._engine = docker.from_env(timeout=int(ENGINE_PATIENCE_S))
            self._container = self._engine.containers.create(
                self.image,
                list(self.command),
                name=f"idchaos-{self.run_id}-{self.log_path.stem}",
                environment={**self.environment, RUN_ID_VARIABLE: self.run_id},
                labels={RUN_LABEL: self.run_id},
                network_mode="host",
                # Whatever the engine does by itself: a log that can't be read, or is cut, would seem to hold no secret.
                log_config=docker.types.LogConfig(type="json-file", config={"max-size": "1g"}),
                volumes={folder: {"bind": folder, "mode": "rw"}},
            )
            self._container.start()
        except ImageNotFound:
            self._close()
            raise TargetError(
                f"{self.name} did not start: there is no image {self.image} here: docker pull {self.image}, or build it"
            ) from None
        except DockerException as error:
            with contextlib.suppress(TargetError):
                self._remove()
            raise TargetError(f"{self.name} did not start: {_in_a_line(error)}") from None
        self._log, self._written = self.log_path.open("ab"), 0
        self._reader = threading.Thread(target=self._follow, args=(self._container, self._log), daemon=True)
        self._reader.start()

    def _follow(self, container: Container, log: IO[bytes]) -> None:
        """Whatever it says is in the log as soon as it is said; what is missed is added when it has ended."""
        with contextlib.suppress(Exception):
            for line in container.logs(stream=True, follow=True):
                log.write(line)
                log.flush()
                self._written += len(line)

    def log(self) -> list[str]:
        """The lines of its log; none where there is none."""
        try:
            return self.log_path.read_text(errors="replace").strip().splitlines()
        except OSError:
            return []

    def ended(self) -> int | None:
        """Its exit code (above 128: by a signal), or ``None`` while it lives."""
        if self._container is None:
            return None
        state = self._state()
        lives = state.get("Status") in ("created", "running", "paused")
        return None if lives else int(state.get("ExitCode", KILLED))

    def state(self) -> ProcessState:
        """How it is, as the engine says."""
        state = self._state()
        if state.get("Status") not in ("running", "paused"):
            return ProcessState(status="dead", incarnation="")
        incarnation = f"{self._container.short_id if self._container else ''}@{state['StartedAt']}"
        return ProcessState(status=state["Status"], incarnation=incarnation)

    def cpu_s(self) -> float | None:
        """CPU time that it and what it has started used so far, as far as that lives; ``None``: nobody says."""
        pid = self._state().get("Pid")
        try:
            process = psutil.Process(pid) if pid else None
            times = [each.cpu_times() for each in (process, *process.children(recursive=True))] if process else []
        except psutil.Error:
            return None
        return float(round(sum(each.user + each.system for each in times), 3)) if times else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still lives. Who is to stand still, or to go on, is told so by the engine."""
        container = self._container
        if container is None:
            return
        match number:
            case signal.SIGSTOP:
                self._asked(container.pause)
            case signal.SIGCONT:
                self._asked(container.unpause)
            case _:
                self._asked(lambda: container.kill(signal=number.name))

    def pause(self) -> None:
        """Freeze all of its processes."""
        self.signal(signal.SIGSTOP)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL; removes it, when its log is kept. ``problem`` says what could not be done."""
        if (container := self._container) is not None:
            self._asked(container.unpause)
            self._asked(lambda: container.stop(timeout=STOPS_WITHIN_S))
        try:
            self._remove()
        except TargetError as error:
            self.problem = str(error)
            self._close()

    def kill(self) -> None:
        """SIGKILL, at once; removes it, when its log is kept.

        Raises:
            TargetError: it lives on, for all that is known, or its log could not be kept.
        """
        if (container := self._container) is not None:
            self._asked(container.kill)
        self._remove()

    def _state(self) -> dict[str, Any]:
        """What the engine says now; nothing of one that is gone.

        Raises:
            TargetError: it says nothing.
        """
        from docker.errors import DockerException, NotFound

        container = self._container
        if container is None:
            return {}
        try:
            container.reload()
        except NotFound:
            return {}
        except DockerException as error:
            raise TargetError(f"{self.name}: the engine does not say how it is: {_in_a_line(error)}") from None
        found: dict[str, Any] = container.attrs.get("State", {})
        return found

    def _asked(self, ask: Callable[[], _Told]) -> _Told | None:
        """Of the engine; ``None`` where it refuses: what is over already can't be ended, nor what runs be woken."""
        from docker.errors import DockerException

        with contextlib.suppress(DockerException):
            return ask()
        return None

    def _remove(self) -> None:
        """Keep the rest of its log, and remove it, whatever it does.

        Raises:
            TargetError: the engine refused one or the other.
        """
        from docker.errors import DockerException, NotFound

        if self._reader is not None:
            self._reader.join(ENGINE_PATIENCE_S)
        if (container := self._container) is not None:
            try:
                if self._log is not None:
                    self._log.write(container.logs()[self._written :])
                container.remove(force=True, v=True)
            except NotFound:
                raise TargetError(f"{self.name}: somebody has removed its container: its log is lost") from None
            except DockerException as error:
                raise TargetError(f"{self.name}: its container could not be ended: {_in_a_line(error)}") from None
        self._close()

    def _close(self) -> None:
        if self._log is not None:
            self._log.close()
        if self._engine is not None:
            self._engine.close()
        self._engine = self._container = self._log = self._reader = None


def _in_a_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
