use std::error::Error;
use wit_component::ComponentEncoder;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    for pair in paths.chunks(2) {
        let module = std::fs::read(&pair[0])?;
        let component = ComponentEncoder::default().validate(true).module(&module)?.encode()?;
        std::fs::write(&pair[1], component)?;
    }
    Ok(())
}
