//! A run as an SVG of its own: tasks by stage over time, and a mark for each fault.

use crate::run::Outcome;
use crate::timeline::Sample;
use std::fmt::Write;
use std::time::Duration;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// Where the plane of the graph begins and ends.
const LEFT: f64 = 48.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = HEIGHT - 44.0;
/// From the bottom of the stack up.
const STAGES: [(&str, &str); 3] = [("running", "#2f9e6e"), ("starting", "#4a86d8"), ("stopping", "#c98a2b")];
const FAULT: &str = "#d64545";
/// Steps between marks on the time axis, in seconds.
const TIME_STEPS: [u32; 12] = [10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600, 86_400];
/// At most so many marks on an axis.
const MARKS_MAX: u32 = 9;

impl Outcome {
    /// The run as a drawing. It has no background, and colours that can be told on light and dark ones.
    pub fn svg(&self) -> String {
        let title = format!("{} instances, seed {}: tasks that are not STOPPED", self.nodes, self.seed);
        Drawing::new(&self.timeline, self.virtual_time).draw(&title, &self.timeline, &self.timeline_faults)
    }
}

/// The text so far, and the scales. Writing to a String never fails.
struct Drawing {
    svg: String,
    tasks: u32,
    seconds: u32,
}

impl Drawing {
    fn new(samples: &[Sample], lasted: Duration) -> Self {
        let most = samples.iter().map(|s| s.running + s.starting + s.stopping).max().unwrap_or(0);
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#808890\">\n"
        );
        Self { svg, tasks: most.max(1) as u32, seconds: lasted.as_secs().max(1) as u32 }
    }

    fn draw(mut self, title: &str, samples: &[Sample], faults: &[(Duration, &'static str)]) -> String {
        self.text(LEFT, 20.0, "start", title);
        self.legend();
        for (n, (_, colour)) in STAGES.iter().enumerate() {
            self.stage(n, colour, samples);
        }
        self.axes();
        self.faults(faults);
        self.svg.push_str("</svg>\n");
        self.svg
    }

    fn x(&self, at: Duration) -> f64 {
        LEFT + (RIGHT - LEFT) * (at.as_secs_f64() / f64::from(self.seconds)).min(1.0)
    }

    fn y(&self, tasks: u32) -> f64 {
        BOTTOM - (BOTTOM - TOP) * f64::from(tasks) / f64::from(self.tasks)
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        let _ = writeln!(self.svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
    }

    fn legend(&mut self) {
        for (n, (name, colour)) in STAGES.iter().chain(&[("fault", FAULT)]).enumerate() {
            let (x, width) = (LEFT + 96.0 * n as f64, if *name == "fault" { 2 } else { 12 });
            let _ = writeln!(
                self.svg,
                "<rect x=\"{x}\" y=\"32\" width=\"{width}\" height=\"12\" fill=\"{colour}\"/>"
            );
            self.text(x + 6.0 + f64::from(width), 42.0, "start", name);
        }
    }

    /// One stage, upon those before it.
    fn stage(&mut self, n: usize, colour: &str, samples: &[Sample]) {
        let height = |sample: &Sample, stages: usize| {
            let stack = [sample.running, sample.starting, sample.stopping];
            stack[..stages].iter().sum::<usize>() as u32
        };
        let mut points = String::new();
        let upper = samples.iter().map(|sample| (sample.at, height(sample, n + 1)));
        let lower = samples.iter().rev().map(|sample| (sample.at, height(sample, n)));
        for (at, tasks) in upper.chain(lower) {
            let _ = write!(points, "{:.1},{:.1} ", self.x(at), self.y(tasks));
        }
        let points = points.trim_end();
        let _ = writeln!(self.svg, "<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"0.75\"/>");
    }

    fn axes(&mut self) {
        let decades = (0..9).flat_map(|n| [1, 2, 5].map(|digit| digit * 10_u32.pow(n)));
        for tasks in marks(self.tasks, decades) {
            let y = self.y(tasks);
            self.text(LEFT - 8.0, y + 4.0, "end", &tasks.to_string());
            let _ = writeln!(
                self.svg,
                "<path d=\"M{LEFT} {y:.1}H{RIGHT}\" stroke=\"#808890\" stroke-opacity=\"0.3\"/>"
            );
        }
        for seconds in marks(self.seconds, TIME_STEPS) {
            let x = self.x(Duration::from_secs(seconds.into()));
            // One at the end has no room on its right.
            let anchor = if x > RIGHT - 16.0 { "end" } else { "middle" };
            self.text(x, HEIGHT - 10.0, anchor, &name_of(seconds));
            let _ = writeln!(self.svg, "<path d=\"M{x:.1} {BOTTOM}v6\" stroke=\"#808890\"/>");
        }
        let _ = writeln!(
            self.svg,
            "<path d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\" fill=\"none\" stroke=\"#808890\"/>"
        );
    }

    fn faults(&mut self, faults: &[(Duration, &'static str)]) {
        for (at, kind) in faults {
            let (x, seconds) = (self.x(*at), at.as_secs());
            let _ = writeln!(
                self.svg,
                "<path d=\"M{x:.1} {}v10\" stroke=\"{FAULT}\" stroke-width=\"1.5\"><title>{kind} at {seconds} s</title></path>",
                BOTTOM + 8.0
            );
        }
    }
}

/// From 0 up to `most`, with the first of the steps that does not make too many of them.
fn marks(most: u32, steps: impl IntoIterator<Item = u32>) -> impl Iterator<Item = u32> {
    let step = steps.into_iter().find(|step| most / step < MARKS_MAX).unwrap_or(u32::MAX);
    (0..=most / step).map(move |n| n * step)
}

fn name_of(seconds: u32) -> String {
    match seconds {
        0 => "0".to_owned(),
        hours if hours.is_multiple_of(3_600) => format!("{} h", hours / 3_600),
        minutes if minutes.is_multiple_of(60) => format!("{} min", minutes / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_holds_each_sample_and_each_fault_within_its_frame() {
        let sample = |secs, running| Sample { at: Duration::from_secs(secs), running, ..Sample::default() };
        let samples = [sample(0, 0), sample(5, 10), sample(10, 4)];
        let faults = [(Duration::from_secs(5), "partition")];
        let drawing = Drawing::new(&samples, Duration::from_secs(10));
        let svg = drawing.draw("a run", &samples, &faults);
        assert!(svg.contains("496.0,60.0"), "ten tasks in the middle are the top: {svg}");
        assert!(svg.contains("partition at 5 s"));
        assert_eq!(svg.matches("<polygon").count(), STAGES.len());
    }

    #[test]
    fn marks_are_round_numbers_and_few() {
        let times = |most| marks(most, TIME_STEPS).map(name_of).collect::<Vec<_>>().join(" ");
        assert_eq!(times(1), "0");
        assert_eq!(times(105), "0 30 s 1 min 90 s");
        assert_eq!(times(1_871), "0 5 min 10 min 15 min 20 min 25 min 30 min");
        assert_eq!(times(3_700), "0 10 min 20 min 30 min 40 min 50 min 1 h");
    }
}
