"""rosbag2 as a transport: read, write, run a stack on a bag, play a bag."""
