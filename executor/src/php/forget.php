<?php
// Holdfast's own: PHP forgets what it has compiled of the site beside this file. It is root's, and it
// does no harm whoever calls it.
header('Content-Type: text/plain');
$known = false;
if (function_exists('opcache_get_status')) {
    $known = @opcache_get_status(true);
}
if (!is_array($known)) {
    $runs = extension_loaded('Zend OPcache') && ini_get('opcache.enable') && ini_get('opcache.restrict_api');
    echo $runs ? "holdfast: restricted\n" : "holdfast: off\n";
    return;
}
$base = __DIR__ . '/';
$is_of_site = function ($path) use ($base) {
    return strncmp($path, $base, strlen($base)) === 0 && $path !== __FILE__;
};
if (isset($known['preload_statistics']['scripts'])) {
    if (array_filter($known['preload_statistics']['scripts'], $is_of_site)) {
        echo "holdfast: preloaded\n";
        return;
    }
}
if (isset($_SERVER['QUERY_STRING']) && $_SERVER['QUERY_STRING'] === 'forget' && isset($known['scripts'])) {
    foreach ($known['scripts'] as $script) {
        if ($is_of_site($script['full_path'])) {
            opcache_invalidate($script['full_path'], true);
        }
    }
    clearstatcache(true);
}
echo "holdfast: done\n";
