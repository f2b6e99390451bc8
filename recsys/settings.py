"""Where things live and which encoders are used: the environment, read in one place."""

import os
from dataclasses import dataclass
from pathlib import Path

from recsys.errors import InvalidInput

ROOT = Path(__file__).resolve().parent.parent

DEFAULT_TEXT_ENCODER = "all-MiniLM-L6-v2"
DEFAULT_IMAGE_ENCODER = "lite0-minilm"

# What a request asks for where it does not say. At 0.85 a wish alone, whose relevances are small, still keeps most of
# its nearest items, and a series is broken up.
DEFAULT_LAM = 0.85
DEFAULT_BLEND = 0.5
DEFAULT_K = 10


METRICS_PORT = 9464


def _is_on(text: str) -> bool:
    return text.strip().lower() not in ("", "0", "no", "false", "off")


@dataclass(frozen=True)
class Settings:
    """One process' configuration.

    Attributes:
        data: folder for everything downloaded or built (`TASTESPACE_DATA`).
        qdrant_url: a Qdrant server or cluster; None runs Qdrant Edge in this process (`QDRANT_URL`).
        qdrant_api_key: its key (`QDRANT_API_KEY`).
        text_encoder: a sentence-transformers model: the packaged default, a hub name or a folder
            (`TASTESPACE_TEXT_ENCODER`).
        image_encoder: an open_clip model: the packaged default or `ARCHITECTURE/PRETRAINED`
            (`TASTESPACE_IMAGE_ENCODER`).
        public: whether strangers use this app: then nobody can import, delete, rebuild or start what takes long
            (`TASTESPACE_PUBLIC=1`).
        log: file that each request goes to as a line of JSON (`TASTESPACE_LOG`; `off` for none); by default
            `logs/requests.jsonl` in the data folder.
        log_profiles: whether these lines tell what somebody likes and asks for (`TASTESPACE_LOG_PROFILES=1`).
        metrics: port of Prometheus' metrics on this machine (`TASTESPACE_METRICS`; `off` for none).
    """

    data: Path = ROOT / "data" / "cache"
    qdrant_url: str | None = None
    qdrant_api_key: str | None = None
    text_encoder: str = DEFAULT_TEXT_ENCODER
    image_encoder: str = DEFAULT_IMAGE_ENCODER
    public: bool = False
    log: Path | None = None
    log_profiles: bool = False
    metrics: int | None = None

    @classmethod
    def from_env(cls, environ: dict[str, str] | None = None) -> "Settings":
        """Reads the environment; an empty variable counts as not set."""
        env = os.environ if environ is None else environ
        data = Path(env.get("TASTESPACE_DATA") or cls.data).expanduser().resolve()
        log, port = env.get("TASTESPACE_LOG", ""), env.get("TASTESPACE_METRICS", "") or str(METRICS_PORT)
        return cls(
            data=data,
            qdrant_url=env.get("QDRANT_URL") or None,
            qdrant_api_key=env.get("QDRANT_API_KEY") or None,
            text_encoder=env.get("TASTESPACE_TEXT_ENCODER") or cls.text_encoder,
            image_encoder=env.get("TASTESPACE_IMAGE_ENCODER") or cls.image_encoder,
            public=_is_on(env.get("TASTESPACE_PUBLIC", "")),
            log=None if log == "off" else Path(log).expanduser().resolve() if log else data / "logs" / "requests.jsonl",
            log_profiles=_is_on(env.get("TASTESPACE_LOG_PROFILES", "")),
            metrics=int(port) if port.isdecimal() and 0 < int(port) < 65536 else None,
        )

    def require_private(self, what: str) -> None:
        """Lets nothing be changed in an app for the public.

        Args:
            what: what somebody is about to do, as the subject of a sentence: "Imports".

        Raises:
            InvalidInput: the app is public.
        """
        if self.public:
            raise InvalidInput(
                f"{what} are turned off here: this app is open to the public (TASTESPACE_PUBLIC).",
                "Whoever runs it can do so without that variable.",
            )

    @property
    def downloads(self) -> Path:
        """Folder of verified downloads."""
        return self.data / "downloads"

    @property
    def catalogs(self) -> Path:
        """Folder with one sub-folder a built catalog."""
        return self.data / "catalogs"

    @property
    def imports(self) -> Path:
        """Folder with one sub-folder an imported catalog: what was brought, as it is built from."""
        return self.data / "imports"
