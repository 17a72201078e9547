# Templates of overlays, which imgbuild has parsed (src/compose/template_syntax.rs), rendered as it
# would render them.
package Imgbuild::Template;
use v5.36;
use Imgbuild::Json;
use List::Util qw(all any);

# The helpers that make a value of values. overlays/README.md explains them.
my %MARKS = ('&' => '&amp;', '<' => '&lt;', '>' => '&gt;', '"' => '&quot;');
my %HELPERS = (
    address => sub ($cidr) {
        $cidr =~ m{\A([^/]*)/}s or die "`address` expects an address with its prefix length\n";
        return $1;
    },
    hex => sub ($text) { return unpack 'H*', $text },
    html => sub ($text) { return $text =~ s/([&<>"])/$MARKS{$1}/gr },
    family => sub ($text) { return $text =~ m{\A[^/]*:} ? 'ip6' : 'ip' },
    'url-host' => sub ($text) { return $text =~ /:/ ? "[$text]" : $text },
    json => \&Imgbuild::Json::encode,
    'shell-quote' => sub ($value) {
        my $text = Imgbuild::Json::plain($value) // die "`shell-quote` expects a plain value\n";
        return "'" . $text =~ s/'/'\\''/gr . "'";
    },
    join => sub ($list, $between) {
        return join $between,
            map { Imgbuild::Json::plain($_) // die "`join` expects plain values\n" } @$list;
    },
    len => sub ($value) {
        return scalar(ref $value eq 'ARRAY' ? @$value : %$value) if ref $value;
        return Imgbuild::Json::type($value) eq 'text' ? length $value : 0;
    },
    not => sub ($value) { return !truth($value) },
    and => sub (@values) {
        return all { truth($_) } @values;
    },
    or => sub (@values) {
        return any { truth($_) } @values;
    },
    eq => \&Imgbuild::Json::same,
    ne => sub ($one, $other) { return !Imgbuild::Json::same($one, $other) },
    gt => sub ($one, $other) { return (order($one, $other) // 0) > 0 },
    gte => sub ($one, $other) { return (order($one, $other) // -1) >= 0 },
    lt => sub ($one, $other) { return (order($one, $other) // 0) < 0 },
    lte => sub ($one, $other) { return (order($one, $other) // 1) <= 0 },
);

# The text that the parts of a template make of `$context`.
sub render ($parts, $context) { return run($parts, [$context]) }

# `@$scopes`: the values in which names are looked up, the innermost last.
sub run ($parts, $scopes) {
    return join '', map { ref $_ ? part($_, $scopes) : $_ } @$parts;
}

sub part ($part, $scopes) {
    return text(value($part->{put}, $scopes)) if exists $part->{put};
    if (exists $part->{if}) {
        return run($part->{truth(value($part->{if}, $scopes)) ? 'then' : 'else'}, $scopes);
    }
    if (exists $part->{with}) {
        my $subject = value($part->{with}, $scopes);
        return run($part->{do}, [@$scopes, $subject]) if truth($subject);
        return run($part->{else}, $scopes) if @{$part->{else}};
        die "`with` has nothing to work with\n";
    }
    my $list = value($part->{each}, $scopes);
    ref $list eq 'ARRAY' or die "`each` expects a list\n";
    return run($part->{else}, $scopes) if !@$list;
    return join '', map { run($part->{do}, [@$scopes, $_]) } @$list;
}

sub text ($value) {
    return '' if !defined $value;
    return Imgbuild::Json::plain($value) // die "a list or table cannot be put into a text\n";
}

# Whether a value is true for `if`: more than false, 0 or empty.
sub truth ($value) {
    return scalar @$value if ref $value eq 'ARRAY';
    return scalar %$value if ref $value eq 'HASH';
    return Imgbuild::Json::type($value) eq 'text' ? $value ne '' : $value;
}

sub value ($value, $scopes) {
    return $value->{plain} if exists $value->{plain};
    if (exists $value->{call}) {
        my $helper = $HELPERS{$value->{call}} // die "no helper is called `$value->{call}`\n";
        return $helper->(map { value($_, $scopes) } @{$value->{of}});
    }
    my $up = $value->{up};
    my $found = $scopes->[$up < @$scopes ? -1 - $up : 0];
    for my $name (@{$value->{path}}) {
        if (ref $found eq 'ARRAY' && $name =~ /\A[0-9]+\z/ && $name < @$found) {
            $found = $found->[$name];
            next;
        }
        ref $found eq 'HASH' && exists $found->{$name}
            or die "`@{[join '.', @{$value->{path}}]}` is not known\n";
        $found = $found->{$name};
    }
    return $found;
}

# The order of two numbers, or of two texts; undef for anything else.
sub order ($one, $other) {
    my $type = Imgbuild::Json::type($one);
    return undef if $type ne Imgbuild::Json::type($other);
    return $type eq 'number' ? $one <=> $other : $type eq 'text' ? $one cmp $other : undef;
}

1;
