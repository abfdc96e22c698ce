// What the pages do with a script; without one they do all of it but this.
'use strict';

// A login link sends itself.
document.querySelector('form[data-send]')?.requestSubmit();

// A second click on a form that is on its way sends nothing. It would be the same order anyway.
document.addEventListener('submit', (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = 'yes';
});
// Back to a form from the browser's own memory: it may be sent again.
window.addEventListener('pageshow', () => {
  for (const form of document.forms) delete form.dataset.sent;
});

const said = document.getElementById('said');

function offerCopy() {
  for (const button of document.querySelectorAll('button[data-copy]')) {
    button.hidden = !navigator.clipboard;
    button.onclick = async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = 'Copied';
      said.textContent = 'The reference is copied.';
    };
  }
}
offerCopy();

// While something runs and the page is seen, each change is fetched as the server renders it.
const main = document.getElementById('main');
let events = null;
let asked = 0;
let later = null;

function patch(fresh) {
  // The same steps: only numbers change, and nobody loses their place.
  const shape = (root) =>
    [...root.querySelectorAll('.steps li, h1, .now p, button')].map((one) =>
      one.className + (one.matches('.steps li') ? '' : one.textContent)).join('|');
  if (shape(main) === shape(fresh)) {
    for (const one of fresh.querySelectorAll('[data-live]')) {
      const old = main.querySelector(`[data-live="${one.dataset.live}"]`);
      if (!old) continue;
      if (one.matches('progress')) {
        if (one.hasAttribute('value')) old.value = one.value;
        else old.removeAttribute('value');
      } else if (old.textContent !== one.textContent) old.textContent = one.textContent;
    }
  } else {
    const focus = main.contains(document.activeElement) && document.activeElement.id;
    main.replaceChildren(...fresh.childNodes);
    if (focus) (document.getElementById(focus) ?? main).focus();
    offerCopy();
  }
}

async function look() {
  asked = Date.now();
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: 'text/html' } });
  } catch {
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  const fresh = page.getElementById('main');
  if (!fresh) return;
  document.title = page.title;
  const say = fresh.dataset.watch ?? page.querySelector('h1')?.textContent ?? '';
  if (say !== main.dataset.watch && say !== said.textContent) said.textContent = say;
  const goesOn = 'watch' in fresh.dataset;
  if (goesOn) main.dataset.watch = fresh.dataset.watch;
  else delete main.dataset.watch;
  patch(fresh);
  if (!goesOn) close();
}

// At most once a second, and always once more after the last change.
function changed() {
  clearTimeout(later);
  later = setTimeout(look, Math.max(0, 1000 - (Date.now() - asked)));
}

function close() {
  events?.close();
  events = null;
}

function open() {
  if (events || document.hidden || !('watch' in main.dataset)) return;
  events = new EventSource('/backups/events');
  events.addEventListener('status', changed);
  events.onerror = () => {
    // A session that has ended, or too many pages: the page itself says which.
    if (events?.readyState === EventSource.CLOSED) {
      close();
      setTimeout(() => { look().then(open); }, 5000);
    }
  };
}

// A form on the page that somebody is filling in is not changed under their hands.
if (!document.querySelector('main input[type="text"]') || document.querySelector('.steps')) {
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  open();
}
