fn main() {
    println!("cargo:rustc-link-arg=-zstack-size=65536");
}
