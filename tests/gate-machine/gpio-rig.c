// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A GPIO chip of eight lines for tests/gate-machine.sh. Not part of the product.
 *
 * Like a Raspberry Pi's, it keeps an output as it was when the process that drove it dies. Unlike one, it says what
 * happened: every change of a level goes to the kernel's log with its time, /sys/module/gpio_rig/parameters/levels
 * shows the levels, and writing 0s and 1s to .../inputs sets what inputs read.
 */
#include <linux/gpio/driver.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#define LINES 8

static int levels[LINES];
module_param_array(levels, int, NULL, 0444);
static int inputs[LINES];
module_param_array(inputs, int, NULL, 0644);

static bool is_output[LINES];
static struct platform_device *device;
static struct gpio_chip chip;

static const char *const names[LINES] = { "GPIO17", "GPIO27", "GPIO5",	"GPIO6",
					  "GPIO23", "GPIO24", "GPIO16", "GPIO26" };

static void drive(unsigned int line, int level)
{
	if (levels[line] != !!level)
		pr_info("gpio-rig: %s %d at %lld us\n", names[line], !!level, ktime_to_us(ktime_get()));
	levels[line] = !!level;
}

static int get_direction(struct gpio_chip *gc, unsigned int line)
{
	return is_output[line] ? GPIO_LINE_DIRECTION_OUT : GPIO_LINE_DIRECTION_IN;
}

static int direction_input(struct gpio_chip *gc, unsigned int line)
{
	is_output[line] = false;
	return 0;
}

static int direction_output(struct gpio_chip *gc, unsigned int line, int level)
{
	is_output[line] = true;
	drive(line, level);
	return 0;
}

static int get(struct gpio_chip *gc, unsigned int line)
{
	return is_output[line] ? levels[line] : !!inputs[line];
}

static void set(struct gpio_chip *gc, unsigned int line, int level)
{
	drive(line, level);
}

static int __init rig_init(void)
{
	device = platform_device_register_simple("gpio-rig", -1, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	chip.label = "gpio-rig";
	chip.parent = &device->dev;
	chip.owner = THIS_MODULE;
	chip.base = -1;
	chip.ngpio = LINES;
	chip.names = names;
	chip.get_direction = get_direction;
	chip.direction_input = direction_input;
	chip.direction_output = direction_output;
	chip.get = get;
	chip.set = set;
	return gpiochip_add_data(&chip, NULL);
}

static void __exit rig_exit(void)
{
	gpiochip_remove(&chip);
	platform_device_unregister(device);
}

module_init(rig_init);
module_exit(rig_exit);
MODULE_DESCRIPTION("GPIO lines that tell what happens to them");
MODULE_LICENSE("Dual MIT/GPL");
