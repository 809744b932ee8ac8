"""Films, folders of pictures and sound, as a bag that every stack takes."""
