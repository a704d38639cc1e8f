//! Tables and volumes: from a person's file to made ones, and what is said of files that will not do.
use crate::place::Place;
use ganymede::data::nifti::{self, Scan};

/// Sixty-three people: an age, a town and whether they are ill.
fn people() -> String {
    let row = |i: usize| format!("{}.5,{},{}\n", 20 + i, ["Ulm", "Bonn"][i % 2], ["no", "yes"][i % 3 % 2]);
    "age,town,ill\n".to_owned() + &(0..63).map(row).collect::<String>()
}

#[test]
fn rows_come_back_with_the_columns_of_the_table() {
    let place = Place::new();
    place.write("people.csv", people());
    place.does("train tabular --data people.csv --steps 3 --set width=8 --set z_dim=4 --batch 20 --out run");
    assert_eq!(
        place.does("sample run -n 7 -o made/rows.csv").trim(),
        "7 rows in made/rows.csv"
    );
    let made = String::from_utf8(place.read("made/rows.csv")).unwrap();
    let lines: Vec<&str> = made.lines().collect();
    assert_eq!((lines.len(), lines[0]), (8, "age,town,ill"));
    for line in &lines[1..] {
        let cells: Vec<&str> = line.split(',').collect();
        let age: f64 = cells[0].parse().unwrap();
        assert!(
            (20.5..=82.5).contains(&age) && cells[0].split('.').nth(1).unwrap().len() == 1,
            "{line}"
        );
        assert!(
            ["Ulm", "Bonn"].contains(&cells[1]) && ["yes", "no"].contains(&cells[2]),
            "{line}"
        );
    }
    place.does("sample run -n 7 -o folder");
    assert_eq!(place.read("folder/rows.csv"), made.as_bytes());
    place.does("train --resume run --steps 4");
}

#[test]
fn tables_that_will_not_do() {
    let place = Place::new();
    place.write("people.csv", people().replace("23.5", "?"));
    place.refuses(
        "train tabular --data people.csv",
        "error: missing value: line 5, column `age`: people.csv\n\n\
         hint: `--data complete:people.csv` leaves out rows with gaps, `--data filled:people.csv` puts means and most frequent values into them",
    );
    place.write("whole.csv", people());
    place.refuses(
        "train dcgan --data whole.csv",
        "error: `dcgan` needs pictures, and these data are rows of a table\n\nhint: the system for tables is `tabular`",
    );
    place.refuses(
        "train tabular --data ring",
        "error: `tabular` needs a table, and these data are points\n\n\
         hint: `gany data get breast-cancer` fetches a table; then `--data breast-cancer`, or a file that ends in `.csv`",
    );
    place.refuses(
        "train tabular --data whole.csv --set privacy.noise=1 --set packed=1",
        "error: settings of `tabular`: with privacy a batch is the whole table, of which every move takes each row with probability \
         privacy.rate: expected batch=63, got batch=500\n\n\
         hint: `gany models tabular` lists all settings and their defaults",
    );
    assert!(!place.path("runs").exists());
}

#[test]
fn volumes_go_out_as_they_came_in() {
    let place = Place::new();
    let value = |place: usize| 1000.0 + (place % 24) as f32;
    let scan = Scan {
        extents: [12, 16, 24],
        spacing_mm: [3.0, 2.0, 1.0],
        values: (0..12 * 16 * 24).map(value).collect(),
    };
    nifti::write(&scan, "", &place.path("head.nii.gz")).unwrap();
    place.does("train medical3d --data head.nii.gz --size 8 --steps 2 --set width=4 --set z_dim=3 --batch 2 --out run");
    place.does("sample run -n 2 -o made/v.nii.gz");
    assert_eq!(place.names("made"), ["v-0.nii.gz", "v-1.nii.gz"]);
    let made = nifti::read(&place.path("made/v-1.nii.gz")).unwrap();
    assert_eq!((made.extents, made.spacing_mm), ([8; 3], [3.0, 2.0, 1.0]));
    assert!(made.values.iter().all(|value| (1000.0..=1023.0).contains(value)));
    place.refuses(
        "train medical3d --data head.nii.gz --size 16",
        "error: no patches: expected a volume with room for 16x16x16 places of body, got 24x16x12: head.nii.gz\n\n\
         hint: ask for smaller patches, such as `--size 16`; a patch is at least half of body",
    );
}
