"""The front door: one origin for people. Writes Caddy's configuration; the supervisor runs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linli.engines import process

CSP = (
    "default-src 'self'; script-src 'self'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' blob:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MAX_BODY = "16MB"

# A failed request is logged without its address (a resident's ticket opens to whoever knows it, look-ups may hold a
# phone number), without its headers (the page before it) and without whose it was.
CONFIG = """\
{{
	admin off
	persist_config off
	auto_https {auto_https}
	skip_install_trust
	storage file_system "{storage}"
	default_sni {sni}
	grace_period 3s
	log {{
		output stdout
		format filter {{
			wrap json
			fields {{
				request>uri delete
				request>headers delete
				request>remote_ip delete
				request>client_ip delete
			}}
		}}
		level WARN
	}}
	servers {{
		protocols {protocols}
		timeouts {{
			read_header 10s
			read_body 60s
			idle 5m
		}}
	}}
}}

{sites} {{
	{bind}
	{tls}
	header {{
		-Server
		?Content-Security-Policy "{csp}"
		?X-Content-Type-Options nosniff
		?Referrer-Policy same-origin
		?Permissions-Policy "geolocation=(self), camera=(self), microphone=(self)"
		?Cross-Origin-Opener-Policy same-origin
		{hsts}
		defer
	}}

	handle /live/* {{
		reverse_proxy 127.0.0.1:{live} {{
			flush_interval -1
			lb_try_duration 10s
			lb_try_interval 150ms
		}}
	}}
{apps}
	handle /metrics {{
		@outside not remote_ip 127.0.0.0/8 ::1
		respond @outside 404
		reverse_proxy 127.0.0.1:{web}
	}}
	handle {{
		encode zstd gzip
		request_body {{
			max_size {max_body}
		}}
		reverse_proxy 127.0.0.1:{web} {{
			lb_try_duration 10s
			lb_try_interval 150ms
		}}
	}}
}}
"""

APP = """\
	redir /{name} /{name}/ 308
	handle_path /{name}/* {{
		root * "{folder}"
		encode zstd gzip
		@hashed path /assets/*
		handle @hashed {{
			header Cache-Control "public, max-age=31536000, immutable"
			file_server {{
				precompressed zstd br gzip
			}}
		}}
		handle {{
			header Cache-Control "no-cache"
			try_files {{path}} /index.html
			file_server {{
				precompressed zstd br gzip
			}}
		}}
	}}
"""


@dataclass(frozen=True)
class Tls:
    """How the front door speaks TLS: with the operator's certificate, or by a local CA for given names."""

    cert: Path | None = None
    key: Path | None = None
    names: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        return bool(self.cert or self.names)


@dataclass(frozen=True)
class Caddy:
    data: Path
    bind: str
    port: int
    web: int
    live: int
    dist: Path
    tls: Tls = Tls()

    def _apps(self) -> str:
        built = [name for name in ("console", "field") if (self.dist / name / "index.html").exists()]
        return "".join(APP.format(name=name, folder=self.dist / name) for name in built)

    def _sites(self) -> str:
        if not self.tls.on:
            return f"http://:{self.port}"
        if self.tls.cert:
            return f"https://:{self.port}"
        names = dict.fromkeys([*self.tls.names, "localhost", "127.0.0.1"])
        return ", ".join(f"https://{name}:{self.port}" for name in names)

    def config(self) -> str:
        tls = ""
        if self.tls.cert:
            tls = f'tls "{self.tls.cert}" "{self.tls.key}"'
        elif self.tls.on:
            tls = "tls internal"
        hsts = 'Strict-Transport-Security "max-age=31536000"' if self.tls.cert else ""
        text = CONFIG.format(
            protocols="h1 h2" if self.tls.on else "h1",
            auto_https="disable_redirects" if self.tls.on else "off", storage=self.data,
            sni=(self.tls.names or ("localhost",))[0], sites=self._sites(),
            bind="" if self.bind == "0.0.0.0" else f"bind {self.bind}", tls=tls, csp=CSP, hsts=hsts,
            live=self.live, web=self.web, apps=self._apps(), max_body=MAX_BODY,
        )  # fmt: skip
        return "\n".join(line for line in text.splitlines() if line.strip()) + "\n"

    def command(self) -> list[str]:
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.data / "Caddyfile"
        path.write_text(self.config())
        return [process.binary("caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]

    @property
    def root_certificate(self) -> Path:
        return self.data / "pki" / "authorities" / "local" / "root.crt"
