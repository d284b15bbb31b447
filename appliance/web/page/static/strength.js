// Says how hard to guess a new password is, while it is typed. It is a hint:
// the box takes whatever has eight characters.
const common = /^(pass(word|wort)?|kata ?sandi|qwert[yz]|asdf|letmein|admin|welcome|iloveyou|sayang|bismillah|hallo|mailbox|posthorn)/i;

function bits(text) {
  let kinds = 0;
  if (/[a-z]/.test(text)) kinds += 26;
  if (/[A-Z]/.test(text)) kinds += 26;
  if (/\d/.test(text)) kinds += 10;
  if (/[^a-zA-Z\d]/.test(text)) kinds += 20;
  // A character that repeats or follows on from the one before says little.
  let worth = 0;
  for (let i = 0; i < text.length; i++) {
    const step = i ? Math.abs(text.charCodeAt(i) - text.charCodeAt(i - 1)) : 9;
    worth += step < 2 ? 0.3 : 1;
  }
  const rough = worth * Math.log2(Math.max(kinds, 2)) * 0.75;
  return common.test(text) ? rough / 3 : rough;
}

for (const field of document.querySelectorAll("input[data-strength]")) {
  const meter = document.getElementById(field.dataset.strength);
  const says = meter.nextElementSibling;
  field.addEventListener("input", () => {
    const n = bits(field.value);
    const grade = field.value.length < 8 ? 0 : n < 32 ? 1 : n < 50 ? 2 : 3;
    meter.value = field.value ? grade + 1 : 0;
    says.textContent = field.value ? says.dataset["grade" + grade] : says.dataset.none;
  });
}
