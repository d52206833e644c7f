// Sets one control of a V4L2 device, by its name: set-control /dev/video0 "Percentage of Dropped Buffers" 100
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
	struct v4l2_query_ext_ctrl query;
	if (argc < 3)
		return 2;
	int device = open(argv[1], O_RDWR);
	if (device < 0) {
		perror(argv[1]);
		return 1;
	}
	// By name: the numbers of a driver's own controls differ from kernel to kernel.
	memset(&query, 0, sizeof query);
	query.id = V4L2_CTRL_FLAG_NEXT_CTRL;
	while (ioctl(device, VIDIOC_QUERY_EXT_CTRL, &query) == 0) {
		if (strcmp(query.name, argv[2]) == 0) {
			struct v4l2_control control = { .id = query.id, .value = argc > 3 ? atoi(argv[3]) : 1 };
			if (ioctl(device, VIDIOC_S_CTRL, &control) == 0)
				return 0;
			perror(argv[2]);
			return 1;
		}
		query.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
	}
	fprintf(stderr, "there is no control \"%s\"\n", argv[2]);
	return 1;
}
