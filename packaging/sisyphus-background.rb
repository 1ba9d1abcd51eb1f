# A formula for Homebrew. For a release replace ADDRESS, VERSION and, from SHA256SUMS, each SUM. Never tried with brew.
class SisyphusBackground < Formula
  desc "Background commands of Claude Code that you can rely on"
  homepage "ADDRESS"
  version "VERSION"
  license "MIT"

  on_linux do
    on_arm do
      url "ADDRESS/releases/download/vVERSION/sisyphus-VERSION-aarch64-unknown-linux-musl.tar.gz"
      sha256 "SUM"
    end
    on_intel do
      url "ADDRESS/releases/download/vVERSION/sisyphus-VERSION-x86_64-unknown-linux-musl.tar.gz"
      sha256 "SUM"
    end
  end

  def install
    # The whole archive: `sisyphus install` needs it.
    libexec.install Dir["*"], ".claude-plugin"
    bin.install_symlink libexec/"bin/sisyphus"
  end

  def caveats
    "To install the plugin for Claude Code, or to update it:  #{opt_bin}/sisyphus install"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/sisyphus --version")
  end
end
