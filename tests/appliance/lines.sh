#!/bin/sh
# Makes a GPIO chip with the lines of the test, where the kernel can; says where the level of GPIO17 is to be seen.
rig=/sys/kernel/config/gpio-sim/rig
mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
mkdir -p $rig/bank0/line0 || exit 1
echo 8 >$rig/bank0/num_lines
echo GPIO17 >$rig/bank0/line0/name
echo 1 >$rig/live || exit 1
echo "/sys/devices/platform/$(cat $rig/dev_name)/$(cat $rig/bank0/chip_name)/sim_gpio0/value"
