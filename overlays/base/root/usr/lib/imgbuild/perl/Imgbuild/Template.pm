# Templates of overlays, which imgbuild has parsed (src/template/syntax.rs), rendered as it
# would render them.
package Imgbuild::Template;
use v5.36;
use Imgbuild::Json;
use Imgbuild::Network;
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
    family => sub ($text) {
        my $bits = Imgbuild::Network::bits($text =~ s{/.*}{}sr)
            // die "`family` expects an address or a network\n";
        return length $bits == 32 ? 'ip' : 'ip6';
    },
    'url-host' => sub ($text) { return $text =~ /:/ ? "[$text]" : $text },
    json => \&Imgbuild::Json::encode,
    'shell-quote' => sub ($value) {
        my $text = Imgbuild::Json::plain($value) // die "`shell-quote` expects a plain value\n";
        return "'" . $text =~ s/'/'\\''/gr . "'";
    },
    join => sub ($list, $between) {
        ref $list eq 'ARRAY' or die "`join` expects a list\n";
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

# The helpers of which nothing but a text makes sense.
my %TAKES_TEXT = map { $_ => 1 } qw(address family hex html url-host);

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
    return join '', map { run($part->{do}, [@$scopes, $_]) } @$list
        if ref $list eq 'ARRAY' && @$list;
    # As handlebars does, which takes anything else for an empty list if there is an `else`.
    ref $list eq 'ARRAY' || ref $list ne 'HASH' && @{$part->{else}}
        or die "`each` expects a list\n";
    return run($part->{else}, $scopes);
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
        my $name = $value->{call};
        my $helper = $HELPERS{$name} // die "no helper is called `$name`\n";
        my @values = map { value($_, $scopes) } @{$value->{of}};
        die "`$name` expects a text\n"
            if $TAKES_TEXT{$name} && Imgbuild::Json::type($values[0]) ne 'text';
        return $helper->(@values);
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

# The order of two numbers, two texts or two booleans; a text with a number is one beside a number.
# undef for anything else.
sub order ($one, $other) {
    my $types = join ' ', map { Imgbuild::Json::type($_) } $one, $other;
    return $one cmp $other if $types eq 'text text';
    return $one <=> $other if $types =~ /\A(?:number number|boolean boolean)\z/;
    return undef if $types !~ /\A(?:number text|text number)\z/;
    my $number = qr/-?(?:0|[1-9][0-9]*)(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?/;
    return "$one $other" =~ /\A$number $number\z/ ? $one <=> $other : undef;
}

1;
