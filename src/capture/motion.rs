//! Does anything move in a camera's picture? Pure: glances and times in, yes or no out.
//!
//! Compares the luma of each cell with what it usually is. A change of the light as a whole is taken off first, cells
//! that flicker by themselves (leaves, rain, noise) learn to be doubted, and only cells that change together count.
//! A wrong yes costs processor time, a wrong no costs a vehicle: in doubt it is yes.

use crate::{
    clock::Moment,
    frame::glance::{CELLS, COLUMNS, Glance, ROWS},
};

/// Which cells count, and how much of a change is one.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Least change of a cell's luma that counts.
    pub least_change: f32,
    /// Per cell, row by row.
    pub counts: Vec<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { least_change: 10.0, counts: vec![true; CELLS] }
    }
}

/// How fast a cell's usual luma follows what is seen; changed cells follow slowly, so that a vehicle that stops stays
/// a change for a while.
const FOLLOWS: f32 = 8.0;
const FOLLOWS_CHANGE: f32 = 60.0;
/// A change is this many times as large as a cell's own flicker.
const BEYOND_NOISE: f32 = 3.5;
const LEAST_NOISE: f32 = 1.5;
/// A changed cell counts if so many of it and its eight neighbours have changed.
const TOGETHER: usize = 4;
/// So many of those are motion; where rain or snow lets some come together by chance all the time, more: so many times
/// as many as usual, but never more than a vehicle has whose plate is just high enough to be read, nor more than this part
/// of the cells that count. What is as large as a vehicle teaches nothing of chance.
const ENOUGH: f32 = 2.0;
const BEYOND_CHANCE: f32 = 8.0;
const VEHICLE: f32 = 10.0;
const MOST_OF_COUNTING: f32 = 0.25;
/// How slowly the usual number follows, in seconds.
const CHANCE_FOLLOWS: f32 = 30.0;
/// A look after a longer pause counts no more than this many seconds.
const LONGEST_STEP: f32 = 2.0;
/// If more than this share changed, another light or another view is learnt at once.
const ALL_ANEW: f32 = 0.6;
/// Added to luma before ratios are taken, so that black cells say little about the light.
const PEDESTAL: f32 = 12.0;

#[derive(Debug)]
pub(super) struct Gate {
    settings: Settings,
    usual: Vec<f32>,
    noise: Vec<f32>,
    changed: Vec<bool>,
    ratios: Vec<f32>,
    /// Cells that change together at a glance, usually.
    by_chance: f32,
    /// More than so many are never asked for.
    most: f32,
    last: Option<Moment>,
}

impl Gate {
    pub(super) fn new(settings: Settings) -> Self {
        let counting = settings.counts.iter().filter(|counts| **counts).count() as f32;
        Self {
            most: (counting * MOST_OF_COUNTING).clamp(ENOUGH, VEHICLE),
            settings,
            usual: vec![0.0; CELLS],
            noise: vec![LEAST_NOISE; CELLS],
            changed: vec![false; CELLS],
            ratios: Vec::with_capacity(CELLS),
            by_chance: 0.0,
            last: None,
        }
    }

    /// Looks at the next glance; true if something moves.
    pub(super) fn see(&mut self, glance: &Glance, at: Moment) -> bool {
        let Some(last) = self.last.replace(at) else {
            self.learn_anew(glance);
            return false;
        };
        let gain = self.gain(glance);
        let mut changed_cells = 0;
        for (((cell, usual), noise), changed) in
            glance.cells.iter().zip(&self.usual).zip(&self.noise).zip(&mut self.changed)
        {
            let expected = (usual + PEDESTAL) * gain - PEDESTAL;
            let limit = self.settings.least_change.max(BEYOND_NOISE * noise);
            *changed = (f32::from(*cell) - expected).abs() > limit;
            changed_cells += usize::from(*changed);
        }
        let (solid, seconds) = (self.solid_cells() as f32, at.since(last).as_secs_f32());
        let moves = solid >= (ENOUGH + BEYOND_CHANCE * self.by_chance).min(self.most);
        if solid < self.most {
            let step = seconds.min(LONGEST_STEP);
            self.by_chance += (solid - self.by_chance) * (1.0 - (-step / CHANCE_FOLLOWS).exp());
        }
        if changed_cells as f32 > ALL_ANEW * CELLS as f32 {
            self.learn_anew(glance);
            return moves;
        }
        self.learn(glance, seconds);
        moves
    }

    /// How much brighter all is than usual: the median, because most of the picture does not move.
    fn gain(&mut self, glance: &Glance) -> f32 {
        self.ratios.clear();
        let lit = glance.cells.iter().zip(&self.usual);
        self.ratios.extend(lit.map(|(cell, usual)| (f32::from(*cell) + PEDESTAL) / (usual + PEDESTAL)));
        let middle = self.ratios.len() / 2;
        let (_, median, _) = self.ratios.select_nth_unstable_by(middle, f32::total_cmp);
        median.clamp(0.2, 5.0)
    }

    /// Changed cells that count and do not stand alone.
    fn solid_cells(&self) -> usize {
        let mut solid = 0;
        for row in 0..ROWS {
            for column in 0..COLUMNS {
                let here = row * COLUMNS + column;
                let counts = self.settings.counts.get(here).copied().unwrap_or(true);
                if !counts || !self.changed.get(here).copied().unwrap_or_default() {
                    continue;
                }
                let mut together = 0;
                for y in row.saturating_sub(1)..(row + 2).min(ROWS) {
                    let (from, to) = (column.saturating_sub(1), (column + 2).min(COLUMNS));
                    let around = self.changed.get(y * COLUMNS + from..y * COLUMNS + to).unwrap_or_default();
                    together += around.iter().filter(|changed| **changed).count();
                }
                solid += usize::from(together >= TOGETHER);
            }
        }
        solid
    }

    fn learn_anew(&mut self, glance: &Glance) {
        for (usual, cell) in self.usual.iter_mut().zip(&glance.cells) {
            *usual = f32::from(*cell);
        }
    }

    fn learn(&mut self, glance: &Glance, seconds: f32) {
        let (quick, slow) = (1.0 - (-seconds / FOLLOWS).exp(), 1.0 - (-seconds / FOLLOWS_CHANGE).exp());
        let cells = glance.cells.iter().zip(&self.changed);
        for (((cell, changed), usual), noise) in cells.zip(&mut self.usual).zip(&mut self.noise) {
            let follow = if *changed { slow } else { quick };
            let off = f32::from(*cell) - *usual;
            *usual += off * follow;
            *noise = (*noise + (off.abs() - *noise) * follow).max(LEAST_NOISE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A street with some structure, at this brightness, noise of this strength, and perhaps a box of a vehicle.
    fn glance(n: u64, light: f32, noise: f32, vehicle: Option<(usize, usize)>) -> Glance {
        let mut glance = Glance::default();
        for (i, cell) in glance.cells.iter_mut().enumerate() {
            let (x, y) = (i % COLUMNS, i / COLUMNS);
            let street = 60.0 + 40.0 * ((x / 5 + y / 3) % 3) as f32;
            // A hash as noise: the same in every run.
            let dice = (i as u64 ^ n.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
            let dice = (dice % 2001) as f32 / 1000.0 - 1.0;
            let car = vehicle
                .is_some_and(|(left, top)| (left..left + 6).contains(&x) && (top..top + 4).contains(&y));
            let value = if car { 230.0 } else { street };
            *cell = (value * light + dice * noise).clamp(0.0, 255.0) as u8;
        }
        glance
    }

    fn settled(settings: Settings, noise: f32) -> (Gate, u64) {
        let mut gate = Gate::new(settings);
        for n in 0..60 {
            gate.see(&glance(n, 1.0, noise, None), Moment::from_micros(n * 500_000));
        }
        (gate, 60)
    }

    #[test]
    fn a_vehicle_moves_and_an_empty_street_does_not() {
        for noise in [0.0, 3.0, 8.0] {
            let (mut gate, from) = settled(Settings::default(), noise);
            let at = |n: u64| Moment::from_micros(n * 500_000);
            let quiet = (from..from + 40).filter(|n| gate.see(&glance(*n, 1.0, noise, None), at(*n))).count();
            assert!(quiet <= 1, "noise {noise}: {quiet} false alarms");
            let seen = (100..110)
                .filter(|n| gate.see(&glance(*n, 1.0, noise, Some((*n as usize - 90, 20))), at(*n)));
            assert_eq!(seen.count(), 10, "noise {noise}");
        }
    }

    #[test]
    fn the_sun_coming_out_is_no_motion() {
        let (mut gate, from) = settled(Settings::default(), 2.0);
        for n in 0..20 {
            let light = 1.0 + 0.25 * n as f32 / 20.0;
            let moves =
                gate.see(&glance(from + n, light, 2.0, None), Moment::from_micros((from + n) * 500_000));
            assert!(!moves, "step {n}");
        }
        // At once, and back: the whole picture by the same factor.
        for n in 20..40 {
            let light = if n % 10 < 5 { 0.7 } else { 1.0 };
            let moves =
                gate.see(&glance(from + n, light, 2.0, None), Moment::from_micros((from + n) * 500_000));
            assert!(!moves, "step {n}");
        }
    }

    #[test]
    fn motion_outside_the_zone_does_not_count() {
        let counts = (0..CELLS).map(|cell| cell / COLUMNS >= 18).collect();
        let (mut gate, from) = settled(Settings { counts, ..Settings::default() }, 2.0);
        let mut see = |n: u64, vehicle| {
            gate.see(&glance(from + n, 1.0, 2.0, Some(vehicle)), Moment::from_micros((from + n) * 500_000))
        };
        assert!((0..5).all(|n| !see(n, (10 + n as usize, 4))), "above it");
        assert!((5..10).all(|n| see(n, (10 + n as usize, 24))), "in it");
    }

    /// Spoils a glance of an empty street, again and again, then lets a vehicle pass through it.
    fn check_weather(what: &str, spoil: impl Fn(u64, &mut Glance)) {
        let mut gate = Gate::new(Settings::default());
        let mut see = |n: u64, vehicle| {
            let mut glance = glance(n, 1.0, 3.0, vehicle);
            spoil(n, &mut glance);
            gate.see(&glance, Moment::from_micros(n * 500_000))
        };
        // Three minutes to get used to it.
        (0..360).for_each(|n| {
            see(n, None);
        });
        let alarms = (360..960).filter(|n| see(*n, None)).count();
        assert!(alarms <= 12, "{what}: {alarms} of 600 looks were alarms");
        let seen = (960..970).filter(|n| see(*n, Some((*n as usize - 955, 20)))).count();
        assert!(seen >= 8, "{what}: the vehicle was seen in {seen} of 10 looks");
    }

    #[test]
    fn rain_and_leaves_are_no_motion_and_hide_none() {
        let dice = |n: u64, i: usize| {
            let mixed =
                (i as u64 ^ n.wrapping_mul(0x2545_F491_4F6C_DD1D)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            (mixed >> 40) % 1000
        };
        let brighter = |cell: &mut u8, by: i32| *cell = (i32::from(*cell) + by).clamp(0, 255) as u8;
        check_weather("rain: streaks two cells high, anywhere", |n, glance| {
            for i in 0..CELLS - COLUMNS {
                if dice(n, i) < 15 {
                    brighter(&mut glance.cells[i], 30);
                    brighter(&mut glance.cells[i + COLUMNS], 30);
                }
            }
        });
        check_weather("leaves: a corner in which everything sways", |n, glance| {
            for (x, y) in (0..10).flat_map(|x| (0..10).map(move |y| (x, y))) {
                let sway = (n as f32 * 1.3 + (x + 2 * y) as f32).sin() * 30.0;
                brighter(&mut glance.cells[y * COLUMNS + x], sway as i32);
            }
        });
        check_weather("a lamp that flickers", |n, glance| {
            for (x, y) in (50..56).flat_map(|x| (2..6).map(move |y| (x, y))) {
                brighter(&mut glance.cells[y * COLUMNS + x], if dice(n, 7) < 500 { 40 } else { -10 });
            }
        });
    }

    #[test]
    fn a_large_vehicle_hides_no_small_one_that_comes_after_it() {
        let few = |columns: std::ops::Range<usize>, rows: std::ops::Range<usize>| Settings {
            counts: (0..CELLS)
                .map(|i| columns.contains(&(i % COLUMNS)) && rows.contains(&(i / COLUMNS)))
                .collect(),
            ..Settings::default()
        };
        for settings in [Settings::default(), few(30..34, 20..23)] {
            let (mut gate, from) = settled(settings, 2.0);
            let mut see = |n: u64, vehicle, small: bool| {
                let mut glance = glance(from + n, 1.0, 2.0, vehicle);
                for (x, y) in (30..33).flat_map(|x| (20..22).map(move |y| (x, y))).filter(|_| small) {
                    glance.cells[y * COLUMNS + x] = 240;
                }
                gate.see(&glance, Moment::from_micros((from + n) * 500_000))
            };
            (0..20).for_each(|n| {
                see(n, Some((10 + 2 * n as usize, 18)), false);
            });
            let alarms = (20..60).filter(|n| see(*n, None, false)).count();
            assert!(alarms <= 1, "{alarms} alarms in an empty street");
            assert!(see(60, None, true), "six cells, twenty seconds later");
        }
    }

    #[test]
    fn headlights_wake_before_the_vehicle_is_there() {
        let (mut gate, from) = settled(Settings::default(), 2.0);
        let mut moves = false;
        for n in 0..6 {
            let mut glance = glance(from + n, 1.0, 2.0, None);
            // Their light on the road, brighter from look to look.
            for (x, y) in (20..40).flat_map(|x| (24..32).map(move |y| (x, y))) {
                let cell = &mut glance.cells[y * COLUMNS + x];
                *cell = cell.saturating_add(6 * (n as u8 + 1));
            }
            moves |= gate.see(&glance, Moment::from_micros((from + n) * 500_000));
        }
        assert!(moves);
    }

    #[test]
    fn what_stays_is_learnt() {
        let (mut gate, from) = settled(Settings::default(), 2.0);
        let moves: Vec<bool> = (0..600)
            .map(|n| {
                gate.see(
                    &glance(from + n, 1.0, 2.0, Some((30, 20))),
                    Moment::from_micros((from + n) * 500_000),
                )
            })
            .collect();
        assert!(moves[..20].iter().all(|moves| *moves) && moves[500..].iter().all(|moves| !moves));
    }
}
