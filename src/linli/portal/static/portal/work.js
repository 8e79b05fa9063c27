// Proof of work, only under abuse: finds the number whose hash is the challenge, then sends the form.
(function () {
  var form = document.getElementById('report');
  if (!form || !form.dataset.challenge) return;
  var told = document.getElementById('working');
  if (!window.crypto || !crypto.subtle) { // a plain http address: the browser gives no sums
    told.textContent = told.dataset.without;
    return;
  }
  var task = JSON.parse(form.dataset.challenge), text = new TextEncoder(), started = false;
  function hex(buffer) {
    return Array.from(new Uint8Array(buffer), function (b) { return b.toString(16).padStart(2, '0'); }).join('');
  }
  async function solve() {
    for (var n = 0, max = task.maxNumber || task.maxnumber; n <= max; n++) {
      if (hex(await crypto.subtle.digest('SHA-256', text.encode(task.salt + n))) === task.challenge) return n;
    }
    return -1;
  }
  form.addEventListener('submit', async function (event) {
    if (form.elements.altcha.value) return;
    event.preventDefault();
    if (started) return;
    started = true;
    told.textContent = form.querySelector('button.main').dataset.working;
    var answer = { algorithm: task.algorithm, challenge: task.challenge, number: await solve(), salt: task.salt, signature: task.signature };
    form.elements.altcha.value = btoa(JSON.stringify(answer));
    form.submit();
  });
})();
