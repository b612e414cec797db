//! Links between the documents, and to files of the project.

use super::blocks::{Document, project};

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let documents = Document::all();
    let (mut wrong, mut links) = (Vec::new(), 0);
    for document in &documents {
        for target in targets(document) {
            links += 1;
            if !leads_somewhere(document, &target, &documents) {
                wrong.push(format!("{}: {target} leads nowhere", document.path));
            }
        }
    }
    assert!(links > 30, "the check saw only {links} links");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_links_every_document() {
    let documents = Document::all();
    let linked = targets(&documents[0]);
    for document in &documents[1..] {
        assert!(linked.contains(&document.path), "README.md does not link {}", document.path);
    }
}

#[test]
fn an_anchor_is_made_of_a_heading_as_github_makes_it() {
    assert_eq!(anchor("The pod"), "the-pod");
    assert_eq!(anchor("`--create`, and a_b: what's new?"), "--create-and-a_b-whats-new");
}

/// Where the links of a document lead, outside of its blocks.
fn targets(document: &Document) -> Vec<String> {
    let prose = document.prose().join("\n");
    let starts = prose.match_indices("](").map(|(start, _)| &prose[start + 2..]);
    starts.filter_map(|rest| Some(rest[..rest.find(')')?].to_owned())).collect()
}

fn leads_somewhere(from: &Document, target: &str, documents: &[Document]) -> bool {
    let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
    let folder = from.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = match (file, file.strip_prefix("../")) {
        ("", _) => from.path.clone(),
        (_, Some(above)) => above.to_owned(),
        _ if folder.is_empty() => file.to_owned(),
        _ => format!("{folder}/{file}"),
    };
    if wanted.is_empty() {
        return project().join(&path).exists();
    }
    let document = documents.iter().find(|document| document.path == path);
    document.is_some_and(|document| anchors(document).iter().any(|anchor| anchor == wanted))
}

fn anchors(document: &Document) -> Vec<String> {
    let prose = document.prose();
    let headings = prose.iter().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// Lower case; letters, digits, `-` and `_` stay, a space becomes `-`, and the rest goes.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}
