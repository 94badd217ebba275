// Light or dark? The reader's choice, else the system's. boot.js has set it before the first paint.

const KEY = "vaxtrace-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export const current = () => document.documentElement.dataset.theme ?? "light";

/** `onChange(theme)` after the reader or the system changed it. */
export function attach(onChange) {
  function become(theme) {
    document.documentElement.dataset.theme = theme;
    onChange(theme);
  }
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme-toggle")) return;
    const next = current() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // Private windows may refuse to store: the choice then lasts as long as the page.
    }
    become(next);
  });
  system.addEventListener("change", () => {
    let chosen = null;
    try {
      chosen = localStorage.getItem(KEY);
    } catch {
      // As above.
    }
    if (!chosen) become(system.matches ? "dark" : "light");
  });
}
