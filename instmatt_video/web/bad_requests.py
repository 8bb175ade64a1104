"""Requests that a page's models refuse: said in a line, whatever stands in them.

FastAPI's own answer repeats what came, which need not be JSON: NaN, 1e400, half a surrogate pair.
"""

from __future__ import annotations

from typing import Any

from ..errors import first_complaint


def refuse_in_words(app: Any) -> None:
    """Let a FastAPI application say in a JSON `error` why it refuses a request."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    async def refuse(_request: Any, error: RequestValidationError) -> JSONResponse:
        # Names of fields and tags are quoted as they came.
        words = first_complaint(error).encode("utf-8", "replace").decode()
        return JSONResponse({"error": words}, status_code=422)

    async def repeat(_request: Any, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)

    app.add_exception_handler(RequestValidationError, refuse)
    app.add_exception_handler(HTTPException, repeat)
