"""What may a browser do with our pages? The security headers of every answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Flask, Response, request


def register(app: Flask, script_hashes: Callable[[], Sequence[str]]) -> None:
    """Set them on every answer. `script_hashes` are those of the inline scripts that Dash writes into its page."""
    policy: list[str] = []

    @app.after_request
    def protect(answer: Response) -> Response:
        if not policy:
            policy.append(_policy(script_hashes()))
        answer.headers.setdefault("Content-Security-Policy", policy[0])
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Referrer-Policy", "same-origin")
        answer.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        answer.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        if request.is_secure:
            answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        answer.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), payment=(), usb=()")
        if not answer.headers.get("Cache-Control"):
            answer.headers["Cache-Control"] = "private, no-cache"
        return answer


def _policy(hashes: Sequence[str]) -> str:
    """Everything comes from ourselves; only styles may be inline, because Dash and Plotly write them."""
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {' '.join(hashes)}".rstrip(),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "worker-src 'self'",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
