// Begin.
drawFrame();
refresh();
follow(refresh, 3);
