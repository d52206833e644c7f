//! The board that we run on, as the kernel shows it: power, flash memory, clock.
//!
//! Reads files below one root, so that tests can lay out a board of their own; judging is done by whoever asked.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the kernel shows what it knows.
#[derive(Debug, Clone)]
pub struct Board {
    root: PathBuf,
}

/// What a Raspberry Pi's firmware says of its power and heat; each now, and since the start of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Power(u32);

/// A card or chip of flash memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// `mmcblk0`.
    pub name: String,
    /// It is an SD card; those do not tell their wear.
    pub is_card: bool,
    /// Share of its life that is used up, in percent, rounded up to tens; as it says itself.
    pub worn_percent: Option<u8>,
    /// It says that its spare blocks run out.
    pub at_its_end: bool,
}

impl Default for Board {
    fn default() -> Self {
        Self { root: PathBuf::from("/") }
    }
}

impl Power {
    pub const fn under_voltage(self) -> bool {
        self.0 & 1 != 0
    }

    /// The processor runs slower than it could: capped, throttled, or at the soft limit of its temperature.
    pub const fn slowed(self) -> bool {
        self.0 & 0b1110 != 0
    }

    pub const fn under_voltage_since_start(self) -> bool {
        self.0 & (1 << 16) != 0
    }

    pub const fn slowed_since_start(self) -> bool {
        self.0 & (0b1110 << 16) != 0
    }
}

impl Board {
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn text(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        // A device tree ends its strings with a zero.
        Some(text.trim_matches(['\0', '\n', ' ']).to_owned())
    }

    fn names_in(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Such as "Raspberry Pi 5 Model B Rev 1.0"; `None` on machines without a device tree.
    pub fn model(&self) -> Option<String> {
        self.text("proc/device-tree/model")
    }

    /// `None` on machines that are no Raspberry Pi.
    pub fn power(&self) -> Option<Power> {
        let devices = self.names_in("sys/bus/platform/devices").into_iter();
        let mut told = devices
            .filter(|name| name.ends_with("firmware"))
            .filter_map(|name| self.text(&format!("sys/bus/platform/devices/{name}/get_throttled")));
        u32::from_str_radix(told.next()?.trim_start_matches("0x"), 16).ok().map(Power)
    }

    pub fn flash(&self) -> Vec<Flash> {
        let disks = self.names_in("sys/block").into_iter();
        let cards = disks.filter(|name| name.starts_with("mmcblk") && !name.contains("boot"));
        cards
            .map(|name| {
                let of = |what: &str| self.text(&format!("sys/block/{name}/device/{what}"));
                let number = |text: &str| u8::from_str_radix(text.trim_start_matches("0x"), 16).ok();
                // Two kinds of cells, each in tenths of its life; 0 is "not told", 0x0b is "beyond it".
                let tenths = of("life_time").map(|both| both.split_whitespace().filter_map(number).max());
                let worn = tenths.flatten().filter(|tenths| *tenths > 0).map(|tenths| tenths.min(11) * 10);
                let end = of("pre_eol_info").and_then(|word| number(&word)).is_some_and(|word| word >= 2);
                Flash {
                    is_card: of("type").as_deref() == Some("SD"),
                    worn_percent: worn,
                    at_its_end: end,
                    name,
                }
            })
            .collect()
    }

    /// There is a clock that goes on without power.
    pub fn has_clock(&self) -> bool {
        !self.names_in("sys/class/rtc").is_empty()
    }

    /// What the clocks that go on without power say, in seconds since 1970.
    pub fn clocks(&self) -> Vec<i64> {
        let names = self.names_in("sys/class/rtc").into_iter();
        names
            .filter_map(|name| self.text(&format!("sys/class/rtc/{name}/since_epoch"))?.parse().ok())
            .collect()
    }

    /// The time was set by a time server since the start; `None`: nobody here would know.
    pub fn is_time_set(&self) -> Option<bool> {
        self.root
            .join("run/systemd/timesync")
            .is_dir()
            .then(|| self.root.join("run/systemd/timesync/synchronized").exists())
    }

    /// Files of that name below the usual folders of libraries: two of them are two versions.
    pub fn libraries(&self, beginning: &str) -> Vec<String> {
        let folders = ["usr/lib", "usr/lib/aarch64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/local/lib"];
        let found = folders.into_iter().flat_map(|folder| {
            let names = self.names_in(folder).into_iter().filter(|name| name.starts_with(beginning));
            names.map(move |name| (folder, name))
        });
        // A link to another name is the same library.
        found
            .filter(|(folder, name)| {
                fs::symlink_metadata(self.root.join(folder).join(name)).is_ok_and(|meta| meta.is_file())
            })
            .map(|(folder, name)| format!("/{folder}/{name}"))
            .collect()
    }

    /// The file of that name that this process has opened as a library.
    pub fn opened(&self, beginning: &str) -> Option<String> {
        let maps = self.text("proc/self/maps")?;
        let paths = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
        let is_it = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.starts_with(beginning));
        paths.into_iter().find(is_it).map(str::to_owned)
    }

    /// Raspberry Pi kernels keep a line driven after its process has died, unless they are told otherwise.
    pub fn keeps_lines_driven(&self) -> bool {
        let modules = self.names_in("sys/module").into_iter();
        modules.filter(|name| name.starts_with("pinctrl")).any(|name| {
            self.text(&format!("sys/module/{name}/parameters/persist_gpio_outputs")).as_deref() == Some("Y")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(files: &[(&str, &str)]) -> (tempfile::TempDir, Board) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let board = Board::at(folder.path());
        (folder, board)
    }

    #[test]
    fn a_raspberry_pi_tells_of_its_power() {
        let (_folder, pi) = board(&[
            ("sys/bus/platform/devices/soc@107c000000:firmware/get_throttled", "50005\n"),
            ("proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0"),
        ]);
        assert_eq!(pi.model().as_deref(), Some("Raspberry Pi 5 Model B Rev 1.0"));
        let power = pi.power().unwrap();
        assert!(power.under_voltage() && power.slowed());
        assert!(power.under_voltage_since_start() && power.slowed_since_start());
        let (_folder, pi) = board(&[("sys/bus/platform/devices/soc:firmware/get_throttled", "10000")]);
        let power = pi.power().unwrap();
        assert!(!power.under_voltage() && !power.slowed() && power.under_voltage_since_start());
        let (_folder, pc) = board(&[]);
        assert_eq!((pc.power(), pc.model(), pc.is_time_set(), pc.has_clock()), (None, None, None, false));
    }

    #[test]
    fn flash_memory_tells_its_wear_and_a_card_does_not() {
        let (_folder, cm4) = board(&[
            ("sys/block/mmcblk0/device/type", "MMC\n"),
            ("sys/block/mmcblk0/device/life_time", "0x03 0x02\n"),
            ("sys/block/mmcblk0/device/pre_eol_info", "0x01\n"),
            ("sys/block/mmcblk0boot0/size", "0\n"),
            ("sys/block/mmcblk1/device/type", "SD\n"),
            ("sys/block/sda/size", "1\n"),
        ]);
        let chip =
            Flash { name: "mmcblk0".into(), is_card: false, worn_percent: Some(30), at_its_end: false };
        let card = Flash { name: "mmcblk1".into(), is_card: true, worn_percent: None, at_its_end: false };
        assert_eq!(cm4.flash(), [chip, card]);
    }

    #[test]
    fn two_libraries_are_two_and_a_link_is_none() {
        let (folder, board) = board(&[
            ("usr/lib/libhailort.so.4.20.0", ""),
            ("usr/lib/aarch64-linux-gnu/libhailort.so.4.21.0", ""),
            ("run/systemd/timesync/synchronized", ""),
            ("sys/module/pinctrl_rp1/parameters/persist_gpio_outputs", "Y\n"),
            (
                "proc/self/maps",
                "7f00-7f01 r-xp 00000000 08:02 1 /usr/lib/libc.so.6\n7f02-7f03 rw-p 00000000 00:00 0\n\
                 7f04-7f05 r-xp 00000000 08:02 2 /usr/lib/libhailort.so.4.20.0\n",
            ),
        ]);
        std::os::unix::fs::symlink("libhailort.so.4.20.0", folder.path().join("usr/lib/libhailort.so"))
            .unwrap();
        assert_eq!(board.libraries("libhailort.so").len(), 2);
        assert_eq!(board.opened("libhailort.so").as_deref(), Some("/usr/lib/libhailort.so.4.20.0"));
        assert_eq!(board.is_time_set(), Some(true));
        assert!(board.keeps_lines_driven());
    }
}
