"""Cases: catalogue, intake, workflow, clocks, dispatch, verification."""
