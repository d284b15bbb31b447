// A button beside each record copies it.
for (const code of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  const text = code.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = code.dataset.copy;
  button.onclick = async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = code.dataset.copied;
    setTimeout(() => { button.textContent = code.dataset.copy; }, 2000);
  };
  code.after(button);
}
