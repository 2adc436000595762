"""What a run will cost, before anything runs: jobs, hours, disk and download, each with where the number is from.

`dry_run` asks Snakemake what is still to do, `volume` counts the frames of it, `rates` finds how fast they go,
`cost` multiplies, and `table` shows. Nothing here imports torch: a login node may have none.
"""
