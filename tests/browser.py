"""A page in a real browser (Chromium by QtWebEngine): `python browser.py PAGE.html '["script", ...]'` prints what its console said and the scripts' results as JSON.

--dark, --width and --picture FILE.png are for looking at it.
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_SCHEME = "--blink-settings=preferredColorScheme=" + ("0" if "--dark" in sys.argv else "1")
os.environ.setdefault("QTWEBENGINE_CHROMIUM_FLAGS", f"--no-sandbox --disable-gpu {_SCHEME}")

from PySide6.QtCore import QTimer, QUrl  # noqa: E402
from PySide6.QtWebEngineCore import QWebEnginePage, QWebEngineUrlRequestInterceptor  # noqa: E402
from PySide6.QtWebEngineWidgets import QWebEngineView  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

LIMIT, PAINT = 30_000, 2_000  # of all, and until a picture shows what the scripts did [ms]


class Page(QWebEnginePage):
    """A page that keeps what it says."""

    said: list[str] = []

    def javaScriptConsoleMessage(self, level, message, line, source):  # noqa: N802, a name of Qt
        """Keep a message of the console, an error among them."""
        self.said.append(f"{level.name}: {message} (line {line})")


class Requests(QWebEngineUrlRequestInterceptor):
    """Keeps the addresses that the page asks for."""

    asked: list[str] = []

    def interceptRequest(self, info):  # noqa: N802, a name of Qt
        """Keep an address that is not of the page itself."""
        if info.requestUrl().scheme() != "data":
            self.asked.append(info.requestUrl().toString())


def main() -> None:
    """Open the page, run the scripts one after the other, print and leave."""
    parser = argparse.ArgumentParser()
    parser.add_argument("page", type=Path)
    parser.add_argument("scripts", type=json.loads)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    app = QApplication(sys.argv[:1])
    view, requests, results = QWebEngineView(), Requests(), []
    page = Page(view)
    page.setUrlRequestInterceptor(requests)
    view.setPage(page)
    view.resize(arguments.width, arguments.height)
    view.show()

    def finish():
        if arguments.picture:
            view.grab().save(arguments.picture)
        print(json.dumps({"console": page.said, "requests": requests.asked, "results": results}))
        app.quit()

    def step(scripts):
        if not scripts:
            QTimer.singleShot(PAINT if arguments.picture else 0, finish)
            return
        text = f"JSON.stringify(eval({json.dumps(scripts[0])})) ?? 'null'"  # lists do not come back as they are
        page.runJavaScript(text, lambda value: (results.append(json.loads(value)), step(scripts[1:])))

    view.loadFinished.connect(lambda _: step(arguments.scripts))
    QTimer.singleShot(LIMIT, lambda: app.exit(1))
    view.load(QUrl.fromLocalFile(str(arguments.page.absolute())))
    code = app.exec()
    view.setPage(None)
    sys.exit(code)


if __name__ == "__main__":
    main()
