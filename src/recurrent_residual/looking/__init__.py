"""Looking into two networks side by side: what each says over a clip's time, and where it looks.

`choice` picks the clips from the stored predictions, `gradcam` maps where the last block sees a class, `overlay` makes
pictures of that, and `looks` puts all into what the report shows; `page` shows it by itself.
"""
