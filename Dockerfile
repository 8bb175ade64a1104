# instmatt-video with its embedded weights.
#
#   docker build -t instmatt-video --build-arg TORCH_INDEX=URL .
#   docker run --rm -v "$PWD:/work" instmatt-video in.mp4 --out-dir tracks/
#
# TORCH_INDEX is the package index of the torch build that is wanted: the one for CPUs makes the small
# image; the one for a CUDA version, or none at all, makes the image for NVIDIA GPUs (`--gpus all`).
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS wheel
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM ${PYTHON_IMAGE}
ARG TORCH_INDEX=
ARG EXTRAS=demo,fg,onnx,web
# libGL and glib are OpenCV's; `compose` runs the ffmpeg program.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*
# torch alone first: of a layer of its own, which a new version of the program does not touch.
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch torchvision
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/*.whl)[${EXTRAS}]" && rm -rf /wheels
RUN useradd --create-home --uid 1000 matte \
    && mkdir /cache /work \
    && chown matte:matte /cache /work
USER matte
ENV INSTMATT_VIDEO_HOME=/cache/instmatt-video \
    TORCH_HOME=/cache/torch
VOLUME /cache
WORKDIR /work
ENTRYPOINT ["instmatt-video"]
CMD ["doctor"]
