//! A view of a game as bytes: the length of a head, the head in JSON, and rows of 32-bit floats behind it.
//!
//! The head is filled up with spaces so that the floats begin at a multiple of four, where a browser reads them in place. It says
//! which rows there are and how many numbers each has.
use ganymede::games::Seen;
use ganymede::lab::Lab;
use serde_json::{Value, json};

/// What is to be seen of a game now; with divergences where they are wanted.
pub(super) fn encode(lab: &mut Lab, measure: bool) -> Vec<u8> {
    let view = lab.view();
    let measured = measure.then(|| lab.measure()).flatten().map(|measured| {
        json!({
            "wasserstein": measured.wasserstein,
            "kl": measured.kl,
            "js": measured.js,
            "modes": measured.modes,
        })
    });
    let mut rows = vec![("real", &view.real), ("noise", &view.seen.noise)];
    rows.extend(of(
        &view.seen,
        ["fake", "descent", "judged-real", "judged-fake", "field", "sheet"],
    ));
    let after = [
        "fake-after",
        "descent-after",
        "judged-real-after",
        "judged-fake-after",
        "field-after",
        "sheet-after",
    ];
    rows.extend(view.after.iter().flat_map(|seen| of(seen, after)));
    let head = json!({
        "step": view.step,
        "stage": view.stage.map(|(stage, _)| stage),
        "repeat": view.stage.map(|(_, repeat)| repeat),
        "is_broken": view.is_broken(),
        "figures": view.seen.figures,
        "figures_after": view.after.as_ref().map(|seen| &seen.figures),
        "reports": view.reports,
        "measured": measured,
        "rows": rows.iter().map(|(name, row)| json!([name, row.len()])).collect::<Vec<Value>>(),
    });
    let mut head = head.to_string();
    while !head.len().is_multiple_of(4) {
        head.push(' ');
    }
    let floats: usize = rows.iter().map(|(_, row)| row.len()).sum();
    let mut bytes = Vec::with_capacity(4 + head.len() + 4 * floats);
    bytes.extend((head.len() as u32).to_le_bytes());
    bytes.extend(head.as_bytes());
    for (_, row) in rows {
        bytes.extend(row.iter().flat_map(|x| x.to_le_bytes()));
    }
    bytes
}

fn of<'a>(seen: &'a Seen, names: [&'static str; 6]) -> [(&'static str, &'a Vec<f32>); 6] {
    let rows = [
        &seen.fake,
        &seen.descent,
        &seen.judged_real,
        &seen.judged_fake,
        &seen.field,
        &seen.sheet,
    ];
    let mut named = names.into_iter().zip(rows);
    std::array::from_fn(|_| named.next().expect("a name for every row"))
}

/// The head of a frame.
#[cfg(test)]
pub(super) fn header(bytes: &[u8]) -> Value {
    let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
    serde_json::from_slice(&bytes[4..4 + length]).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ganymede::lab::Setup;

    #[test]
    fn rows_stand_where_the_head_says() {
        let mut lab = Lab::new(&Setup::default()).unwrap();
        let bytes = encode(&mut lab, false);
        let head = header(&bytes);
        let length = u32::from_le_bytes(bytes[..4].try_into().unwrap()) as usize;
        assert!((4 + length).is_multiple_of(4));
        let rows = head["rows"].as_array().unwrap();
        let floats: u64 = rows.iter().map(|row| row[1].as_u64().unwrap()).sum();
        assert_eq!(bytes.len() as u64, 4 + length as u64 + 4 * floats);
        assert_eq!(rows[0][0], "real");
        let first = f32::from_le_bytes(bytes[4 + length..8 + length].try_into().unwrap());
        assert_eq!(first, lab.view().real[0]);
        assert_eq!((&head["measured"], &head["stage"]), (&Value::Null, &Value::Null));
        lab.advance_stage();
        assert_eq!(header(&encode(&mut lab, false))["stage"], "noise");
    }
}
