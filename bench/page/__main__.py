"""Write the tables and plots of docs/performance.md anew from the newest raw results."""

from bench.page.whole import FOLDER, PAGE, pictures, text

if __name__ == "__main__":
    PAGE.write_text(text(PAGE.read_text()))
    FOLDER.mkdir(exist_ok=True)
    for name, svg in pictures().items():
        (FOLDER / name).write_text(svg)
