"""A page to draw digits on, recognised in the browser: builds it, serves it on this machine and opens it.

Run:  tools/run.sh web [--model MODEL ...] [--output digits.html]
The page holds the models and the recognizer as WebAssembly, and needs nothing else: with `--output` it is one
file that works from disk or on any static host. Without `--model` three small models are trained, once.
"""

import argparse
import sys
import webbrowser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from common.errors import InputError, run_tool
from common.idx import read_dataset
from common.options import OptionParser, number
from common.writing import keep_inputs, replacing
from web.assembling import page
from web.building import BUILD, WASM, build_wasm, trained_models
from web.embedded import embed


def main() -> None:
    options = parse_options()
    html = make_page(options)
    if options.output is None:
        serve(html, options.port, open_browser=not options.no_browser)
        return
    keep_inputs(options.output, *options.model)
    with replacing(options.output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    print(f"wrote {options.output}: {len(html.encode())} bytes")


def parse_options() -> argparse.Namespace:
    parser = OptionParser(prog="web", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add(
        "--model",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="models of ten digits, .bin or .safetensors, called by their file names (default: three that are"
        f" trained into {BUILD.name}/models)",
    )
    parser.add_data_dir()
    add("--output", type=Path, metavar="FILE.html", help="write the page and do not serve it")
    add(
        "--port",
        type=number(int, 0, 65535),
        default=8000,
        metavar="N",
        help="of localhost, 0 for any that is free (default: %(default)s)",
    )
    add("--no-browser", action="store_true", help="serve the page and open no browser")
    add("--no-build", action="store_true", help="take the WebAssembly as it was built before")
    return parser.parse_args()


def make_page(options: argparse.Namespace) -> str:
    """Raises InputError."""
    wasm = WASM if options.no_build else build_wasm()
    paths = options.model or trained_models(BUILD / "models", options.data_dir)
    images, labels = read_dataset(options.data_dir, "t10k")
    return page(wasm.read_bytes(), [embed(path, images, labels) for path in paths])


def serve(html: str, port: int, open_browser: bool) -> None:
    """Until it is interrupted. Raises InputError."""
    body = html.encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_page = self.path.split("?")[0] == "/"
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body) if is_page else 0))
            self.end_headers()
            if is_page:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise InputError("--port", f"{port} is taken", "one that is free, or 0") from error
    url = f"http://localhost:{server.server_port}/"
    print(f"{url} (Ctrl-C ends it)", flush=True)
    if open_browser:
        webbrowser.open(url)
    with server:
        server.serve_forever()


if __name__ == "__main__":
    sys.exit(run_tool("web", main))
