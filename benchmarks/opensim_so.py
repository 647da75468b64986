"""OpenSim's StaticOptimization on a trial, timed: needs `opensim` alone, so that another environment's Python can run it.

    python benchmarks/opensim_so.py FOLDER START_S END_S    ->  one JSON object as the last line

FOLDER: model.osim (with reserve actuators), motion.mot, loads.xml and the forces that it names. Works in the current folder.
OpenSim's defaults: activation exponent 2, muscle physiology, convergence 1e-4, 100 iterations. The model is loaded before the clock runs.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from time import process_time


def main(folder: Path, start_s: float, end_s: float) -> None:
    import opensim

    opensim.Logger.setLevelString("error")
    opensim.Logger.removeFileSink()
    tool = opensim.AnalyzeTool()
    tool.setName("benchmark")
    tool.setModelFilename(str(folder / "model.osim"))
    tool.setCoordinatesFileName(str(folder / "motion.mot"))
    tool.setExternalLoadsFileName(str(folder / "loads.xml"))
    tool.setLowpassCutoffFrequency(6.0)
    tool.setInitialTime(start_s)
    tool.setFinalTime(end_s)
    tool.setSolveForEquilibrium(False)
    tool.setResultsDir(".")
    analysis = opensim.StaticOptimization()
    analysis.setStartTime(start_s)
    analysis.setEndTime(end_s)
    tool.updAnalysisSet().cloneAndAppend(analysis)
    tool.printToXML("setup.xml")
    loaded = opensim.AnalyzeTool("setup.xml")
    since = process_time()
    loaded.run()
    cpu_s = process_time() - since
    activations = opensim.TimeSeriesTable("benchmark_StaticOptimization_activation.sto")
    model = opensim.Model(str(folder / "model.osim"))
    model.initSystem()
    found = {
        "frames": activations.getNumRows(),
        "cpu_s": cpu_s,
        "model": model.getName(),
        "muscles": model.getMuscles().getSize(),
        "version": version("opensim"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), float(sys.argv[2]), float(sys.argv[3]))
