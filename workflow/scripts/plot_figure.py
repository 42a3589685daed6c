"""Plot a figure.

Inputs: those that synthdiv.jobs.figures declares for it.
Outputs: figure, a PNG file; vector, the same as SVG and PDF.
"""

from synthdiv.core.jobs import Script, run_as_job
from synthdiv.jobs.figures import PlotFigure
from synthdiv.report.figures.drawing import find_draw
from synthdiv.report.figures.style import save_figure


@run_as_job(PlotFigure)
def main(job: PlotFigure, smk: Script) -> None:
    """Plot and save the figure."""
    figure = find_draw(job.figure)(smk.input, **job.options)
    for path in (smk.output.figure, *smk.output.vector):
        save_figure(figure, path)


if __name__ == "__main__":
    main()
