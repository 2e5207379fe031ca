# docker build -t xent .
# docker run --rm -v xent-data:/data xent keys create me --scope score --scope read --scope train
# docker run --rm -p 127.0.0.1:8000:8000 -v xent-data:/data xent

FROM python:3.13-slim-trixie AS build
WORKDIR /build
COPY requirements.lock ./
RUN python -m venv --without-pip /opt/xent \
 && python -m pip --python /opt/xent/bin/python install --no-cache-dir \
        --require-hashes --only-binary :all: -r requirements.lock
COPY service/ /app/service/
RUN python -m compileall -q /app/service \
 && mkdir /data

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="Xent" \
      org.opencontainers.image.description="Softmax, cross-entropy and their gradients, and classifiers judged by log loss, over HTTP" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/xent /opt/xent
COPY --from=build /app /app
# A new volume takes the owner of the folder that it covers.
COPY --from=build --chown=10001:10001 /data /data
WORKDIR /app
# Xent has threads of its own: those of BLAS would only fight them for the cores.
ENV XENT_HOST=0.0.0.0 \
    XENT_DATA_DIR=/data \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8000
VOLUME /data
STOPSIGNAL SIGTERM
# http.client rather than urllib: a proxy in the environment must not stand between the two.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/opt/xent/bin/python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('XENT_PORT', '8000')), timeout=4); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
# The exec form: Python is process 1 and SIGTERM reaches it.
ENTRYPOINT ["/opt/xent/bin/python", "-m", "service"]
CMD ["serve"]
