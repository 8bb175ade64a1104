"""Live mattes: a camera, a stream or a clip at its own pace, matted as it comes and shown."""
